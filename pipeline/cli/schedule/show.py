"""`penstock schedule list | show | history | check`: schedules and ticks in words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.base.visible_text import visible_json
from pipeline import exit_codes
from pipeline.cli.app import root_option
from pipeline.cli.schedule.group import _json, _name, schedule
from pipeline.cli.schedule.times import when
from pipeline.console.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.schedule.ledger.store import ScheduleStore
    from pipeline.schedule.schedule import Standing, Tick


_STYLES = {"completed": "green", "failed": "red", "missed": "yellow", "paused": "yellow"}


def show_schedules(root: Path, *, as_json: bool) -> None:
    """Print all schedules: what, when, and how the last tick ended."""
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        standings = store.survey().standings
        last = {s.schedule.name: _last(store, s.schedule.name) for s in standings}
    if as_json:
        _print_json([_plain(s) | {"last": _tick(last[s.schedule.name])} for s in standings])
        return
    table = _table("name", "recipe", "when", "next", "last", "state")
    for standing in standings:
        schedule, tick = standing.schedule, last[standing.schedule.name]
        table.add_row(
            schedule.name,
            schedule.recipe,
            schedule.trigger.describe(),
            "–" if schedule.paused else when(standing.next_due, schedule),
            _summary(tick) if tick else "–",
            _state(standing),
        )
    _print(table)


def show_schedule(root: Path, name: str, *, as_json: bool) -> None:
    """Print all that is known of a schedule: its fields, next dates and where it stands."""
    from pipeline.schedule.frequency import check_frequency
    from pipeline.schedule.ledger.store import ScheduleStore
    from pipeline.schedule.triggers import durations

    now = time.time()
    with ScheduleStore.existing(root) as store:
        standing, tick = store.standing(name), _last(store, name)
        takes = store.run_seconds(name)
    schedule, due = standing.schedule, [standing.next_due]
    while len(due) < 3:
        due.append(schedule.next_after(due[-1]))
    if as_json:
        _print_json(_plain(standing) | {"next_dues": due, "last": _tick(tick)})
        return
    rows = {
        "recipe": " ".join([schedule.recipe, *(f"--set {s}" for s in schedule.settings)]),
        "config": schedule.config_file,
        "serving": schedule.serving,
        "beam": " ".join(schedule.beam_args),
        "folder": schedule.folder,
        "when": schedule.trigger.describe(),
        "next": "; ".join(when(time, schedule) for time in due),
        "overlap": schedule.overlap,
        "missed": f"{schedule.missed}, after {durations.format_duration(schedule.grace)}",
        "state": _state(standing),
        "failures": f"{standing.failures} in a row, pauses at {schedule.max_failures or 'none'}",
        "success": f"last {when(standing.last_success, schedule)}",
        "deadline": when(standing.deadline, schedule),
        "notify": ", ".join(schedule.notify),
        "last": _summary(tick) if tick else None,
        "warning": check_frequency(schedule, takes, now),
    }
    for label, text in rows.items():
        if text:
            say(f"{label:<10}{text}")


def show_history(root: Path, name: str, limit: int, *, as_json: bool) -> None:
    """Print the latest ticks of a schedule, the newest first."""
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        found = store.history(name, limit)
        schedules = [s.schedule for s in store.survey().standings if s.schedule.name == name]
    if as_json:
        _print_json([_tick(tick) for tick in found])
        return
    schedule = schedules[0] if schedules else None
    table = _table("due", "kind", "outcome", "verdict", "took", "run", "why")
    for tick in found:
        took = tick.ended - tick.launched if tick.ended and tick.launched else None
        table.add_row(
            when(tick.due, schedule),
            tick.kind,
            _outcome(tick),
            tick.verdict or "",
            "" if took is None else f"{took:.1f} s",
            tick.run_id or "",
            tick.detail,
            style=_STYLES.get(tick.outcome or ""),
        )
    _print(table)


def check_schedules(root: Path, *, daemon_within: str, without_daemon: bool, as_json: bool) -> int:
    """Print one line for each schedule and one for the daemons. Returns the exit code."""
    from pipeline.schedule.ledger.heartbeats import Watch
    from pipeline.schedule.ledger.store import ScheduleStore
    from pipeline.schedule.triggers import durations

    now, within = time.time(), durations.parse_duration(daemon_within)
    with ScheduleStore.existing(root) as store, Watch(root) as watch:
        standings, seen = store.survey().standings, watch.last_seen()
    alarms = {s.schedule.name: _alarm(s, now) for s in standings}
    alive = seen is not None and now - seen <= within
    if as_json:
        rows = [_plain(s) | {"alarm": alarms[s.schedule.name]} for s in standings]
        _print_json({"schedules": rows, "daemon": {"alive": alive, "seen": seen}})
    else:
        for s in standings:
            told = alarms[s.schedule.name]
            line = f"{'alarm' if told else 'fine':<6} {s.schedule.name}: {told or _state(s)}"
            say(line)
        ago = "never seen" if seen is None else f"last seen {when(seen, None)}"
        if not without_daemon:
            say(f"{'fine' if alive else 'gone':<6} daemon: {ago}")
    if any(alarms.values()):
        return exit_codes.SCHEDULE_ALARM
    return exit_codes.DONE if alive or without_daemon else exit_codes.ENVIRONMENT


def _alarm(standing: Standing, now: float) -> str | None:
    schedule, told = standing.schedule, []
    overdue = standing.deadline is not None and now > standing.deadline
    if overdue or standing.alarmed is not None:
        told.append(f"no success since {when(standing.last_success or schedule.created, schedule)}")
    if schedule.paused is not None and 0 < schedule.max_failures <= standing.failures:
        told.append(f"paused, {schedule.paused}")
    return "; ".join(told) or None


def _state(standing: Standing) -> str:
    schedule = standing.schedule
    words = [f"paused, {schedule.paused}"] if schedule.paused else []
    words += [f"{standing.failures} failures in a row"] if standing.failures else []
    words += ["stale"] if standing.alarmed is not None else []
    return "; ".join(words) or "active"


def _outcome(tick: Tick) -> str:
    under_way = "waits" if tick.attempts == 0 else "under way"
    return (tick.outcome or under_way) + (f" ×{tick.times}" if tick.times > 1 else "")


def _summary(tick: Tick) -> str:
    return ", ".join(filter(None, [_outcome(tick), tick.verdict, tick.detail]))


def _last(store: ScheduleStore, name: str) -> Tick | None:
    return next(iter(store.ticks_of(name, 1)), None)


def _plain(standing: Standing) -> dict[str, Any]:
    from dataclasses import fields

    from pipeline.schedule.schedule import Schedule
    from pipeline.schedule.triggers.triggers import to_plain

    values = {f.name: getattr(standing.schedule, f.name) for f in fields(Schedule)}
    where = {f.name: getattr(standing, f.name) for f in fields(standing)}
    where.pop("schedule")
    plain = {"trigger": to_plain(standing.schedule.trigger), "deadline": standing.deadline}
    return values | where | plain


def _tick(tick: Tick | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if tick is None else asdict(tick)


def _print_json(value: object) -> None:
    print(visible_json(value))


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        short = heading in ("name", "next", "due", "kind", "outcome")
        table.add_column(heading, overflow="fold", no_wrap=short)
    return table


def _print(table: Table) -> None:
    from pipeline.console.terminal import Console

    Console(markup=False).print(table)


@schedule.command("list", examples="penstock schedule list --json")
@root_option
@_json
def list_(root: Path, as_json: bool) -> None:
    """List the schedules: when they are due, how the last tick ended."""
    show_schedules(root, as_json=as_json)


@schedule.command(examples="penstock schedule show nightly")
@_name
@root_option
@_json
def show(name: str, root: Path, as_json: bool) -> None:
    """Show all there is to know of the schedule NAME."""
    show_schedule(root, name, as_json=as_json)


@schedule.command(examples="penstock schedule history nightly --last 5")
@_name
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, the newest first.")
@_json
def history(name: str, root: Path, limit: int, as_json: bool) -> None:
    """List what became of the ticks of NAME."""
    show_history(root, name, limit, as_json=as_json)


@schedule.command(examples="penstock schedule check --daemon-within 5m")
@root_option
@click.option(
    "--daemon-within",
    metavar="TIME",
    default="1m",
    show_default=True,
    help="How lately a daemon must have said that it lives.",
)
@click.option(
    "--without-daemon", is_flag=True, help="None is to run: another scheduler starts the ticks."
)
@_json
def check(root: Path, daemon_within: str, without_daemon: bool, as_json: bool) -> int:
    """Say which schedules need somebody; the exit code is for a monitor.

    0: all is fine. 7: a schedule had no success by its deadline, or has paused itself. 75: no
    daemon has said lately that it lives.
    """
    return check_schedules(
        root, daemon_within=daemon_within, without_daemon=without_daemon, as_json=as_json
    )
