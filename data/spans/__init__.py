"""Data that comes day by day: patterns of paths, which spans lie there, and windows of them."""
