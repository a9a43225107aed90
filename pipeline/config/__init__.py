"""Describe a pipeline: its graph, the checks of it, and the settings over a recipe."""
