"""Code: what import paths lead to, whose it is, what it imports, and how workers get it."""
