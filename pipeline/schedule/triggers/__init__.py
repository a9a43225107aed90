"""When a schedule is due: cron, an interval, or new data."""
