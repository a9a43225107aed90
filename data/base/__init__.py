"""Shared basics: text for display, timeouts, imports and settings of libraries."""
