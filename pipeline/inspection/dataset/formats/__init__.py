"""Find which source reads the data under a path, and how, by looking at the data."""
