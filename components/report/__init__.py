"""Show the results of a run: one HTML file, and pictures as PNG files."""
