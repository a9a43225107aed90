"""What a Keras model brings to its training: checks, loss, callbacks and their state."""
