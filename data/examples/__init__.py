"""Examples at rest: labelled images as TFRecord shards, written, finished and read."""
