"""Versions and migrates the ledger's schema, and explains why a ledger cannot be used."""
