"""`penstock schedule …`, a module for each group of its commands."""
