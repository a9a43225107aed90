"""Measure models on a split: in one pass of TensorFlow Model Analysis, overall and per slice."""
