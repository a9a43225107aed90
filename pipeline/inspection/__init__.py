"""Show a run that has ended: its report, its pictures, and the commands that reproduce it."""
