"""`penstock schedule pause`, `resume`, `trigger` and `remove`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import root_option
from pipeline.cli.schedule.times import name_argument, when
from pipeline.config.commands import format_command
from pipeline.console.streams import say
from pipeline.schedule.daemon.daemon import daemon_lives
from pipeline.schedule.ledger.store import ScheduleStore


@click.command(
    cls=Command, examples='penstock schedule pause nightly --reason "labels under repair"'
)
@name_argument
@root_option
@click.option("--reason", help="The reason, shown by `list` and `show`.")
def pause(name: str, root: Path, reason: str | None) -> None:
    """Pause NAME: no tick runs until it is resumed. Due times are recorded as paused."""
    with ScheduleStore.existing(root) as store:
        changed = store.pause(name, reason or "by hand", time.time())
        reason = store.standing(name).schedule.paused
    say(f"{'paused' if changed else 'already paused'}: {name}, {reason}")


@click.command(cls=Command, examples="penstock schedule resume nightly")
@name_argument
@root_option
def resume(name: str, root: Path) -> None:
    """Resume NAME from its next due time on. Its count of failures starts from 0 again."""
    with ScheduleStore.existing(root) as store:
        changed = store.resume(name, time.time())
        standing = store.standing(name)
    say(f"{'resumed' if changed else 'not paused'}: {name}")
    say(f"next     {when(standing.next_due, standing.schedule)}")


@click.command(cls=Command, examples="penstock schedule trigger nightly")
@name_argument
@root_option
def trigger(name: str, root: Path) -> None:
    """Request a tick of NAME now, even if it is paused. A daemon starts it within a second."""
    with ScheduleStore.existing(root) as store:
        store.trigger(name, time.time())
    say(f"requested a tick of {name}")
    if not daemon_lives(root, time.time()):
        once = format_command("schedule", "run", "--once", root=root)
        say(f"no daemon runs for this root; to run the tick: {once}")


@click.command(cls=Command, examples="penstock schedule remove nightly")
@name_argument
@root_option
def remove(name: str, root: Path) -> None:
    """Remove NAME. Its history is kept, and a tick that is running continues to its end."""
    with ScheduleStore.existing(root) as store:
        store.remove(name, time.time())
    say(f"removed: {name}; its history is kept")
