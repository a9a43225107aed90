"""`python -m pipeline …` is `penstock …`."""

from pipeline.cli.main import main

main()
