"""Controls which run may push, and records which rules a manual push overruled."""
