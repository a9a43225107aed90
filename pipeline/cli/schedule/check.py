"""`penstock schedule check`: report problems of the schedules and the daemon, for a monitor."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pipeline import exit_codes
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import json_option, print_json, root_option
from pipeline.cli.schedule.show import facts_of, state
from pipeline.cli.schedule.times import when
from pipeline.console.streams import say
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Standing
from pipeline.schedule.triggers import durations


@click.command(cls=Command, examples="penstock schedule check --daemon-within 5m")
@root_option
@click.option(
    "--daemon-within",
    metavar="TIME",
    default="1m",
    show_default=True,
    help="The daemon counts as running if its last sign of life is no older than this.",
)
@click.option(
    "--without-daemon",
    is_flag=True,
    help="Expect no daemon, since another scheduler starts the ticks.",
)
@json_option
def check(root: Path, daemon_within: str, without_daemon: bool, as_json: bool) -> int:
    """Report the schedules that need attention, and whether a daemon runs.

    The exit code is for a monitor. 0: no problem. 7: a schedule had no success by its deadline,
    or has paused itself. 75: no daemon is running.
    """
    now, within = time.time(), durations.parse_duration(daemon_within)
    with ScheduleStore.existing(root) as store, Watch(root) as watch:
        standings, last_sign = store.survey().standings, watch.last_seen()
    alarms = {s.schedule.name: _alarm(s, now) for s in standings}
    alive = last_sign is not None and now - last_sign <= within
    if as_json:
        rows = [facts_of(s) | {"alarm": alarms[s.schedule.name]} for s in standings]
        print_json({"schedules": rows, "daemon": {"alive": alive, "seen": last_sign}})
    else:
        for standing in standings:
            alarm = alarms[standing.schedule.name]
            say(
                f"{'alarm' if alarm else 'ok':<6} {standing.schedule.name}: "
                f"{alarm or state(standing)}"
            )
        if not without_daemon:
            ago = "no sign of life" if last_sign is None else f"last seen {when(last_sign, None)}"
            say(f"{'ok' if alive else 'gone':<6} daemon: {ago}")
    if any(alarms.values()):
        return exit_codes.SCHEDULE_ALARM
    return exit_codes.DONE if alive or without_daemon else exit_codes.ENVIRONMENT


def _alarm(standing: Standing, now: float) -> str | None:
    """Say why the schedule needs attention, or return None."""
    schedule, problems = standing.schedule, []
    overdue = standing.deadline is not None and now > standing.deadline
    if overdue or standing.alarmed is not None:
        since = when(standing.last_success or schedule.created, schedule)
        problems.append(f"no success since {since}")
    if schedule.paused is not None and 0 < schedule.max_failures <= standing.failures:
        problems.append(f"paused, {schedule.paused}")
    return "; ".join(problems) or None
