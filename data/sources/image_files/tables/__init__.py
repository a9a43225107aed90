"""Read tables that list image files: their formats, columns, rows and files."""
