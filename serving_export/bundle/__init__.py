"""Write and load models on disk: a SavedModel with signatures, and a manifest of all files."""
