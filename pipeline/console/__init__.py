"""Print a run for a person: its progress, its result, a verdict, an error."""
