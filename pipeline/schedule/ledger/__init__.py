"""Schedules, ticks, alarms and daemons, as a root's ledger keeps them."""
