"""Retraining by the clock or by new data: who is due, what came of it, who is to be told."""
