"""`penstock schedule add | run | pause | resume | trigger | remove`."""

from __future__ import annotations

import functools
import logging
import math
import statistics
import sys
import time
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import ConfigError
from pipeline.json_logs import JsonFormatter
from pipeline.run_record import prepare_root
from pipeline.schedule import durations
from pipeline.schedule.daemon import BEAT, Daemon
from pipeline.schedule.launcher import ProcessLauncher
from pipeline.schedule.notify import check_target
from pipeline.schedule.schedules import Schedule
from pipeline.schedule.store import ScheduleStore
from pipeline.schedule.tell import tell_notice
from pipeline.schedule.triggers import Cron, Every, NewData, Trigger, shortest_gap
from pipeline.schedule.watch import Watch
from pipeline.schedule_words import when

_CHECK_EVERY = "10m"


def chosen_trigger(
    cron: str | None, tz: str | None, every: str | None, on_new_data: bool, check_every: str | None
) -> Trigger:
    """The one trigger that the options name.

    Raises:
        ConfigError: none, or more than one, or an option that goes with another.
    """
    if [cron is not None, every is not None, on_new_data].count(True) != 1:
        raise ConfigError(
            "a schedule has one trigger",
            expected='one of --cron "0 3 * * *", --every 6h, --on-new-data',
        )
    if tz is not None and cron is None:
        raise ConfigError("--tz goes with --cron")
    if check_every is not None and not on_new_data:
        raise ConfigError("--check-every goes with --on-new-data")
    if cron is not None:
        return Cron(expression=" ".join(cron.split()), tz=tz or "UTC")
    if every is not None:
        return Every(seconds=durations.seconds(every))
    return NewData(check_every=durations.seconds(check_every or _CHECK_EVERY))


def add_and_show(
    root: Path,
    recipe: str,
    *,
    name: str | None,
    trigger: Trigger,
    settings: tuple[str, ...],
    config_file: Path | None,
    serving: Path | None,
    grace: str,
    fresh_within: str | None,
    **options: Any,
) -> None:
    """Check the recipe, enter the schedule, print its next three dates.

    `options` are those fields of `Schedule` that are given as they are.

    Raises:
        ConfigError: something of it makes no sense; nothing was entered.
    """
    for target in options.get("notify", ()):
        check_target(target)
    pipeline_name = _checked(recipe, settings, config_file)
    schedule = Schedule(
        name=pipeline_name.lower() if name is None else name,
        recipe=recipe,
        trigger=trigger,
        created=time.time(),
        folder=str(Path.cwd()),
        settings=settings,
        config_file=_absolute(config_file),
        serving=_absolute(serving),
        grace=durations.seconds(grace),
        fresh_within=None if fresh_within is None else durations.seconds(fresh_within),
        **options,
    )
    prepare_root(root)
    with ScheduleStore(root) as store:
        due = store.add(schedule).next_due
    print(f"added    {schedule.name}: {recipe}, {trigger.words()}")
    for label in ("next", "then", "then"):
        print(f"{label:<9}{when(due, schedule)}")
        due = schedule.next_after(due)
    warning = too_often(schedule, _seconds_of_runs(root, pipeline_name), schedule.created)
    if warning:
        print(f"warning  {warning}", file=sys.stderr)
    if not daemon_lives(root, time.time()):
        print("no daemon looks after this root: penstock schedule run")


def too_often(schedule: Schedule, seconds: Collection[float], now: float) -> str | None:
    """Says so where a tick is due before the last one can have ended; else None."""
    if not seconds or isinstance(schedule.trigger, NewData):  # whose ticks are mostly looks
        return None
    takes = statistics.median(seconds)
    gap = shortest_gap(schedule.trigger, now, schedule.created)
    if takes <= gap:
        return None
    share = math.ceil(takes / gap)
    follows = f"{takes:.0f} / {gap:.0f} = {takes / gap:.1f}, so that 1 tick in {share} can run"
    return (
        f"a run takes {takes:.0f} s (median of {len(seconds)}), a tick is due every {gap:.0f} s: "
        f"{follows}, the others are skipped"
    )


def run_daemon(
    root: Path, *, once: bool, until: datetime | None, at_once: int, as_json: bool
) -> int:
    """Look after the schedules in the foreground. Returns the exit code."""
    root = root.resolve()
    prepare_root(root)
    _log_to_stderr(as_json=as_json)
    now = time.time()
    end = now if once else None if until is None else until.timestamp()
    tell = functools.partial(tell_notice, root)
    return Daemon(root, ProcessLauncher(root), tell=tell, at_once=at_once, until=end).run()


def pause_and_show(root: Path, name: str, reason: str | None) -> None:
    with ScheduleStore.existing(root) as store:
        changed = store.pause(name, reason or "by hand", time.time())
        reason = store.standing(name).schedule.paused
    print(f"{'paused' if changed else 'was paused'}: {name}, {reason}")


def resume_and_show(root: Path, name: str) -> None:
    with ScheduleStore.existing(root) as store:
        changed = store.resume(name, time.time())
        standing = store.standing(name)
    print(f"{'resumed' if changed else 'was not paused'}: {name}")
    print(f"next     {when(standing.next_due, standing.schedule)}")


def trigger_and_show(root: Path, name: str) -> None:
    with ScheduleStore.existing(root) as store:
        store.trigger(name, time.time())
    print(f"asked for a tick of {name}")
    if not daemon_lives(root, time.time()):
        print("no daemon looks after this root: penstock schedule run --once takes it up")


def remove_and_show(root: Path, name: str) -> None:
    with ScheduleStore.existing(root) as store:
        store.remove(name, time.time())
    print(f"removed: {name}; its history stays")


def daemon_lives(root: Path, now: float, within: float = 3 * BEAT) -> bool:
    """Whether a daemon has said so lately."""
    with Watch(root) as watch:
        seen = watch.last_seen()
    return seen is not None and now - seen <= within


def _checked(recipe: str, settings: tuple[str, ...], config_file: Path | None) -> str:
    """Build the pipeline as a tick will. Returns its name."""
    from pipeline import beam_flags, graph, recipes

    pipeline, table = recipes.configured(recipe, config_file, settings)
    beam_flags.from_table(table)
    graph.check(pipeline)
    return pipeline.name


def _seconds_of_runs(root: Path, pipeline: str) -> list[float]:
    from pipeline.ledger import Ledger

    with Ledger(root) as ledger:
        runs = ledger.runs(100)
    return [r.seconds for r in runs if r.pipeline == pipeline and r.status == "done" and r.seconds]


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    words = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if as_json else words)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
