"""Read Examples as tf.data datasets: in the order on disk, or shuffled for training."""
