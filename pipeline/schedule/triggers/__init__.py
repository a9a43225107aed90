"""Computes when a schedule is due: by cron, at an interval, or on new data."""
