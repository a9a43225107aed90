"""What a run may push, and what a person pushed over a verdict."""
