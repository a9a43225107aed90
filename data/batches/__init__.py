"""From Examples to tf.data: in the order at rest, or shuffled for training."""
