"""The ledger's migrations, one per file. A table that is missing is created on its first use."""
