"""`penstock schedule …`: retraining by the clock, or when new data comes."""

from __future__ import annotations

import click

from pipeline.cli.app import Group, cli

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@cli.group(
    cls=Group,
    examples="""
    penstock schedule add mnist --cron "0 3 * * *" --tz Europe/Zurich --name nightly
    penstock schedule run
    penstock schedule list
    """,
)
def schedule() -> None:
    """Retrain every night, or whenever new data comes, with nobody at hand.

    `add` enters a schedule in the root's ledger, `run` looks after all that are there.
    """
