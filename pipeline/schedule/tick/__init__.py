"""Runs one tick of a schedule, or backfills windows of the past."""
