"""Read tables of pixels: a row for each image, a column for its label and one for each pixel."""
