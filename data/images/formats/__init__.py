"""Decode one kind of image file each, in TensorFlow operations."""
