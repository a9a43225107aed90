"""Read tf.Examples from TFRecord files that others wrote."""
