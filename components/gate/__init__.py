"""The gate: what may be asked of a model, how it is counted, and the verdict in words."""
