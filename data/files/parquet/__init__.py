"""Open Parquet files of others safely."""
