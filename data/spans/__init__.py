"""Find spans, such as one day of data each, by path patterns, and select windows of them."""
