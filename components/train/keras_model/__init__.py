"""Support the features of a Keras model in the training: its loss, callbacks and their state."""
