"""Does the exported bundle answer as the trained model did? Asked in a clean process."""
