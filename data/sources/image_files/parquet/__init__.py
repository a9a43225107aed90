"""Read images that lie in Parquet files, in Hugging Face's layout."""
