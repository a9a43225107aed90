"""The process that looks after the schedules, and the children that it starts."""
