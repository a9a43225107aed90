"""`penstock schedule list`, `show` and `history`: the schedules and their ticks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import json_option, print_json, root_option
from pipeline.cli.schedule.times import name_argument, when
from pipeline.console.listing import Cell, Column, colour, print_fields, print_listing
from pipeline.schedule.frequency import check_frequency
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Standing, Tick
from pipeline.schedule.triggers import durations
from pipeline.schedule.triggers.triggers import to_plain

_SCHEDULES = (
    Column("name", title=True),
    Column("recipe"),
    Column("when", fold=16),
    Column("next"),
    Column("last", fold=20),
    Column("state", fold=20),
)
_TICKS = (
    Column("due", title=True),
    Column("kind"),
    Column("outcome", title=True),
    Column("verdict"),
    Column("took", right=True),
    Column("run"),
    Column("why", fold=20),
)


@click.command("list", cls=Command, examples="penstock schedule list --json")
@root_option
@json_option
def list_(root: Path, as_json: bool) -> None:
    """List the schedules: recipe, when they are due, how the last tick ended."""
    with ScheduleStore.existing(root) as store:
        standings = store.survey().standings
        last = {s.schedule.name: _last(store, s.schedule.name) for s in standings}
    if as_json:
        print_json([facts_of(s) | {"last": _tick_facts(last[s.schedule.name])} for s in standings])
    else:
        print_listing(_SCHEDULES, (_schedule_row(s, last[s.schedule.name]) for s in standings))


@click.command(cls=Command, examples="penstock schedule show nightly")
@name_argument
@root_option
@json_option
def show(name: str, root: Path, as_json: bool) -> None:
    """Show the settings of NAME, its next due times and its last tick."""
    with ScheduleStore.existing(root) as store:
        standing, tick = store.standing(name), _last(store, name)
        takes = store.run_seconds(name)
    schedule, due = standing.schedule, [standing.next_due]
    while len(due) < 3:
        due.append(schedule.next_after(due[-1]))
    if as_json:
        print_json(facts_of(standing) | {"next_dues": due, "last": _tick_facts(tick)})
        return
    print_fields(
        {
            "recipe": " ".join([schedule.recipe, *(f"--set {s}" for s in schedule.settings)]),
            "config": schedule.config_file,
            "serving": schedule.serving,
            "beam": " ".join(schedule.beam_args),
            "folder": schedule.folder,
            "when": schedule.trigger.describe(),
            "next": "; ".join(when(time, schedule) for time in due),
            "overlap": schedule.overlap,
            "missed": f"{schedule.missed}, after {durations.format_duration(schedule.grace)}",
            "state": state(standing),
            "failures": f"{standing.failures} in a row, "
            + (f"pauses at {schedule.max_failures}" if schedule.max_failures else "never pauses"),
            "success": f"last {when(standing.last_success, schedule)}",
            "deadline": when(standing.deadline, schedule),
            "notify": ", ".join(schedule.notify),
            "last": _summary(tick) if tick else None,
            "warning": check_frequency(schedule, takes, time.time()),
        }
    )


@click.command(cls=Command, examples="penstock schedule history nightly --last 5")
@name_argument
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, newest first.")
@json_option
def history(name: str, root: Path, limit: int, as_json: bool) -> None:
    """List the ticks of NAME, newest first: outcome, verdict, run."""
    with ScheduleStore.existing(root) as store:
        ticks = store.history(name, limit)
        schedules = [s.schedule for s in store.survey().standings if s.schedule.name == name]
    if as_json:
        print_json([_tick_facts(tick) for tick in ticks])
        return
    schedule = schedules[0] if schedules else None  # it may have been removed
    print_listing(_TICKS, (_tick_row(tick, schedule) for tick in _fold(ticks)))


def _fold(ticks: Iterable[Tick]) -> Iterator[Tick]:
    """Fold ticks in a row that ran nothing, for the same reason, into one."""

    def what(tick: Tick) -> tuple[object, ...]:
        idle = tick.run_id is None and tick.outcome is not None
        return (tick.kind, tick.outcome, tick.detail) if idle else (id(tick),)

    for _, group in groupby(ticks, what):
        *later, first = group
        times = first.times + sum(tick.times for tick in later)
        yield replace(first, times=times, ended=None) if later else first


def facts_of(standing: Standing) -> dict[str, Any]:
    """Return a schedule and where it stands, for JSON."""
    values = {f.name: getattr(standing.schedule, f.name) for f in fields(Schedule)}
    where = {f.name: getattr(standing, f.name) for f in fields(standing) if f.name != "schedule"}
    plain = {"trigger": to_plain(standing.schedule.trigger), "deadline": standing.deadline}
    return values | where | plain


def state(standing: Standing) -> str:
    """Say whether the schedule is active, and what is wrong with it."""
    schedule = standing.schedule
    words = [f"paused, {schedule.paused}"] if schedule.paused else []
    words += [f"{standing.failures} failures in a row"] if standing.failures else []
    words += ["stale"] if standing.alarmed is not None else []
    return "; ".join(words) or "active"


def _schedule_row(standing: Standing, tick: Tick | None) -> Sequence[Cell]:
    schedule = standing.schedule
    return (
        schedule.name,
        schedule.recipe,
        schedule.trigger.describe(),
        "–" if schedule.paused else when(standing.next_due, schedule),
        _summary(tick) if tick else "–",
        state(standing),
    )


def _tick_row(tick: Tick, schedule: Schedule | None) -> Sequence[Cell]:
    took = tick.ended - tick.launched if tick.ended and tick.launched else None
    return (
        when(tick.due, schedule),
        tick.kind,
        Text(_outcome(tick), style=colour(tick.outcome or "").style),
        colour(tick.verdict or ""),
        "" if took is None else f"{took:.1f} s",
        tick.run_id or "",
        tick.detail,
    )


def _outcome(tick: Tick) -> str:
    unfinished = "waiting" if tick.attempts == 0 else "running"
    return (tick.outcome or unfinished) + (f" ×{tick.times}" if tick.times > 1 else "")


def _summary(tick: Tick) -> str:
    return ", ".join(filter(None, [_outcome(tick), tick.verdict, tick.detail]))


def _last(store: ScheduleStore, name: str) -> Tick | None:
    return next(iter(store.ticks_of(name, 1)), None)


def _tick_facts(tick: Tick | None) -> dict[str, Any] | None:
    return None if tick is None else asdict(tick)
