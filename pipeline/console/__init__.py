"""What a person sees of a run: the live view, its summary, a verdict, an error."""
