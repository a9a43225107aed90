"""`penstock schedule run`: the daemon that runs the ticks of all schedules."""

from __future__ import annotations

import functools
import logging
import sys
import time
from datetime import datetime
from pathlib import Path

import click

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import root_option
from pipeline.console.log_lines import JsonFormatter, WordsFormatter
from pipeline.schedule.daemon.daemon import Daemon
from pipeline.schedule.daemon.launcher import ProcessLauncher
from pipeline.schedule.notify.announce import send_notice
from pipeline.storage.run_folder import prepare_root


@click.command(
    cls=Command,
    examples="""
    penstock schedule run
    penstock schedule run --once
    penstock schedule run --until 2027-01-01T06:00 --log-json
    """,
)
@root_option
@click.option("--once", is_flag=True, help="Run the ticks that are due, wait for them, and exit.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="Exit when all ticks that are due by then have ended; local time, or with +HH:MM.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many ticks, of different schedules, may run at the same time.",
)
@click.option("--log-json", is_flag=True, help="Write log lines as JSON.")
def run(root: Path, once: bool, until: datetime | None, at_once: int, log_json: bool) -> int:
    """Run the due ticks of all schedules in ROOT, in the foreground, as a service does.

    Several such daemons may run for one root; each tick runs once. SIGTERM ends the daemon within
    30 s: running ticks save their progress, and the next daemon continues them. With --once or
    --until, the exit code is 7 if a tick failed or its verdict is against the model.
    """
    if once and until is not None:
        raise click.UsageError("give either --once or --until, not both")
    root = root.resolve()
    prepare_root(root)
    _log_to_stderr(as_json=log_json)
    end = time.time() if once else None if until is None else until.timestamp()
    tell = functools.partial(send_notice, root)
    return Daemon(root, ProcessLauncher(root), notify=tell, at_once=at_once, until=end).run()


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else WordsFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
