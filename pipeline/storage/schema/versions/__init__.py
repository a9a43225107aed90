"""The ledger's migrations, one a file. A table that is not there yet is made when it is needed."""
