"""`penstock schedule …`: retraining by the clock, or when new data comes."""

from __future__ import annotations

from pipeline.commands.frame import Group, cli


@cli.group(cls=Group)
def schedule() -> None:
    """Retrain every night, or whenever new data comes, with nobody at hand."""
