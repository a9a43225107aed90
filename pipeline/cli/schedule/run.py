"""`penstock schedule run | tick | backfill`: what does the work."""

from __future__ import annotations

import functools
import sys
import time
from datetime import datetime
from pathlib import Path

import click

from pipeline.cli.app import prepare_libraries, root_option
from pipeline.cli.schedule.group import _name, schedule


@schedule.command(
    examples="""
    penstock schedule run
    penstock schedule run --once
    penstock schedule run --until 2027-01-01T06:00 --log-json
    """
)
@root_option
@click.option("--once", is_flag=True, help="Do what is due, wait for it, and exit.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="Exit when all that is due by then has ended; local time, or with +HH:MM.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many ticks, of different schedules, may run at a time.",
)
@click.option("--log-json", is_flag=True, help="Log lines are JSON.")
def run(root: Path, once: bool, until: datetime | None, at_once: int, log_json: bool) -> int:
    """Look after the schedules of ROOT, in the foreground: what systemd or a container runs.

    Several may run on one root; each tick is taken once. SIGTERM ends it within 30 s: ticks that
    run write what they have, and are taken up again by the next daemon. With --once or --until
    the exit code is 7 if a tick failed or its verdict is against the model.
    """
    if once and until is not None:
        raise click.UsageError("--once and --until do not go together")

    return run_daemon(root, once=once, until=until, at_once=at_once, as_json=log_json)


@schedule.command(hidden=True, examples="penstock schedule tick nightly now")
@_name
@click.argument("tick_id", metavar="ID|now")
@root_option
def tick(name: str, tick_id: str, root: Path) -> int:
    """Do one tick of NAME in this process: what a daemon and every other scheduler start."""
    from pipeline.console.interrupt import promptly

    prepare_libraries()
    with promptly():
        from pipeline.schedule.tick.tick import run_tick

        return run_tick(root, name, None if tick_id == "now" else int(tick_id))


@schedule.command(
    examples="""
    penstock schedule backfill nightly --from 2026-11-01 --to 2026-11-14
    penstock schedule backfill nightly --from 3 --to 9 --push
    """
)
@_name
@root_option
@click.option("--from", "first", metavar="SPAN", required=True, help="The oldest span.")
@click.option("--to", "last", metavar="SPAN", required=True, help="The newest span.")
@click.option("--push", is_flag=True, help="Push to where NAME pushes; else nothing that serves.")
def backfill(name: str, root: Path, first: str, last: str, push: bool) -> int:
    """Run past windows of NAME in order: for each span, the one that ended with it.

    Each is held against the last one of the backfill that passed. The exit code is that of the
    last run that did not pass; 0 where all did.
    """
    from pipeline.console.interrupt import promptly

    prepare_libraries()
    with promptly():
        from pipeline.schedule.tick.backfill import backfill as run_windows

        return run_windows(root, name, first, last, push=push)


def run_daemon(
    root: Path, *, once: bool, until: datetime | None, at_once: int, as_json: bool
) -> int:
    """Look after the schedules in the foreground. Returns the exit code."""
    from pipeline.schedule.daemon.daemon import Daemon
    from pipeline.schedule.daemon.launcher import ProcessLauncher
    from pipeline.schedule.notify.announce import send_notice
    from pipeline.storage.run_folder import prepare_root

    root = root.resolve()
    prepare_root(root)
    _log_to_stderr(as_json=as_json)
    now = time.time()
    end = now if once else None if until is None else until.timestamp()
    tell = functools.partial(send_notice, root)
    return Daemon(root, ProcessLauncher(root), notify=tell, at_once=at_once, until=end).run()


def _log_to_stderr(*, as_json: bool) -> None:
    import logging

    from pipeline.console.log_lines import JsonFormatter, WordsFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else WordsFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
