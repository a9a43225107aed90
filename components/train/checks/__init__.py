"""What can be said of a training before it begins: by its settings alone, then with Keras."""
