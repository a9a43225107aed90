"""A pipeline as it is configured: its graph, its checks, and what is set over its recipe."""
