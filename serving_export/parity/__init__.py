"""Check that an exported bundle predicts as the trained model did."""
