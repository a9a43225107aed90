"""Load user code, find what it imports, and send it to workers."""
