"""What a model is on disk: a SavedModel with its signatures, and a manifest of every byte."""
