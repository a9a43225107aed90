"""What a run came to, to look at: one HTML file, and pictures as PNG files."""
