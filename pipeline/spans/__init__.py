"""Which spans of the data a run takes, and which it leaves out and why."""
