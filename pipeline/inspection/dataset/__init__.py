"""Look at a dataset before anything is ingested: what is in it, and how to ingest it."""
