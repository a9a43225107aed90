"""What all else rests on: words, waits, and how libraries are imported and set."""
