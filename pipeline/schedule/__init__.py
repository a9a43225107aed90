"""Schedules: when a recipe is run again, by whom, and who is told."""
