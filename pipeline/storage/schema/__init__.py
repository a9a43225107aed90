"""The ledger's schema: its version, its migrations, and what keeps a ledger from being used."""
