"""Turn image files of any size into pixels of one size, in TensorFlow operations."""
