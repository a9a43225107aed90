"""Choose the spans of the data that a run takes, and say why others are left out."""
