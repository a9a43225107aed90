"""Run the training loop: compiled steps, epochs, hooks and checkpoints."""
