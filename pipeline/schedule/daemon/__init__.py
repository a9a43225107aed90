"""Runs the daemon, which launches the ticks of schedules as child processes."""
