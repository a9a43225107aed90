"""The commands of `penstock`. Each module is imported when one of its commands is called."""
