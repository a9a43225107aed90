"""Read, write and check files on disk."""
