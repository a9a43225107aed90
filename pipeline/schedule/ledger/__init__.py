"""Stores schedules, ticks, alarms and heartbeats of daemons in a root's ledger."""
