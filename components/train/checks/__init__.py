"""Check a training before it starts: first the settings alone, then with Keras."""
