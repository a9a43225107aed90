"""What a run has to do: fingerprints, and which steps are cached; nothing runs here."""
