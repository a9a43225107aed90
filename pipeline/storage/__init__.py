"""Read and write what a root holds: the ledger, artifacts, work folders and runs' folders."""
