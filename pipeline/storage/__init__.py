"""What lies under a root: the ledger, artifacts, work folders and runs' folders."""
