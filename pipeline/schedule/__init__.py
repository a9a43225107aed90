"""Runs pipelines by the clock or on new data, records each tick, and notifies people."""
