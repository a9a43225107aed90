"""Arrays of images and of labels, which are numbers."""
