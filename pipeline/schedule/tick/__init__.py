"""One tick of a schedule, whoever starts it, and backfills of past ones."""
