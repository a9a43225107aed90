"""`penstock schedule tick` and `backfill`: run one tick, or past windows, in this process."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import root_option
from pipeline.cli.schedule.times import name_argument
from pipeline.console.interrupt import promptly
from pipeline.schedule.tick.backfill import backfill as run_windows
from pipeline.schedule.tick.tick import run_tick


@click.command(cls=Command, examples="penstock schedule tick nightly now")
@name_argument
@click.argument("tick_id", metavar="ID|now")
@root_option
def tick(name: str, tick_id: str, root: Path) -> int:
    """Run one tick of NAME in this process: the command that daemons and other schedulers start."""
    with promptly():
        return run_tick(root, name, None if tick_id == "now" else int(tick_id))


@click.command(
    cls=Command,
    examples="""
    penstock schedule backfill nightly --from 2026-11-01 --to 2026-11-14
    penstock schedule backfill nightly --from 3 --to 9 --push
    """,
)
@name_argument
@root_option
@click.option("--from", "first", metavar="SPAN", required=True, help="The oldest span.")
@click.option("--to", "last", metavar="SPAN", required=True, help="The newest span.")
@click.option(
    "--push", is_flag=True, help="Push to where NAME pushes.  [default: push to no serving folder]"
)
def backfill(name: str, root: Path, first: str, last: str, push: bool) -> int:
    """Run past windows of NAME in order: for each span, the window that ended with it.

    Each model is compared with the last model of the backfill that passed. The exit code is that
    of the last run that did not pass, or 0 if all passed.
    """
    with promptly():
        return run_windows(root, name, first, last, push=push)
