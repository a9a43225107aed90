"""Write and read Examples: labelled images in TFRecord shards."""
