"""Plan a run: compute fingerprints and find cached steps. Nothing runs here."""
