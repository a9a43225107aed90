"""Training, the heavy half of Train: imported only when a model is to be trained."""
