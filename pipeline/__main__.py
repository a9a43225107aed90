"""`python -m pipeline …` is `penstock …`."""

from pipeline.cli import main

main()
