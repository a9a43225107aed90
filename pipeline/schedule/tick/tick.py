"""Runs one tick of a schedule: runs the pipeline if data or code are new, and records the outcome.

The same code serves a daemon, cron, systemd, Airflow and Kubernetes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import (
    BadDataError,
    ConfigError,
    EnvironmentTrouble,
    PenstockError,
    PushRightLost,
    summarize_error,
)
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig
from pipeline.console.error_message import explain
from pipeline.console.streams import say
from pipeline.planning.code_key import compute_code_key, have_imports_changed
from pipeline.schedule import lock
from pipeline.schedule.due_policy import OVERLAP, PAUSED
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.notify.announce import notify
from pipeline.schedule.schedule import Outcome, Schedule, Tick
from pipeline.schedule.tick.pipeline_run import PipelineRun, build_pipeline, run_pipeline
from pipeline.schedule.triggers.triggers import NewData
from pipeline.spans.data_key import compute_data_key
from pipeline.spans.quarantine import quarantine_span
from pipeline.storage.pushes.push_right import PushRight

Clock = Callable[[], float]  # seconds since the epoch
_SEPARATOR = "."  # between the keys of data and code


def run_tick(root: Path, name: str, tick_id: int | None, *, clock: Clock = time.time) -> int:
    """Run one tick, record its outcome, and notify the schedule's targets.

    Args:
        root: of the schedule.
        name: of the schedule.
        tick_id: of a tick that a daemon has launched; None: a new tick, which another scheduler
            starts now.
        clock: seconds since the epoch.

    Returns:
        The run's exit code; 0 if there was nothing to run.

    Raises:
        ConfigError: no such schedule, or no such tick.
        EnvironmentTrouble: another process works on the schedule, or the ledger cannot be used; the
            tick keeps no outcome, and is launched again.
        KeyboardInterrupt: likewise.
    """
    root = root.resolve()
    with ScheduleStore.existing(root) as store, lock.hold_lock(root, name) as locked:
        schedule = store.standing(name).schedule
        tick = _begin_tick(store, schedule, tick_id, locked=locked, now=clock())
        if tick.outcome:
            say(f"{name}: {tick.outcome}, {tick.detail}")
            return exit_codes.DONE
        return _TickRun(store, root, schedule, tick, clock, lock.take_push_right(root, name)).run()


def _begin_tick(
    store: ScheduleStore, schedule: Schedule, tick_id: int | None, *, locked: bool, now: float
) -> Tick:
    """The tick to run, as the ledger has it; with an outcome if it is not to be run."""
    if tick_id is not None:
        launched = store.tick(tick_id)
        if launched is None or launched.schedule != schedule.name:
            raise ConfigError(
                f"{schedule.name!r} has no tick {tick_id}",
                remedy=f"penstock schedule tick {schedule.name} now",
            )
        if not locked:
            raise EnvironmentTrouble(
                f"another process works on {schedule.name!r}",
                follows="the tick was not run",
                remedy="none needed: a daemon launches it when that process has ended",
            )
        return launched
    outcome: Outcome | None = None if locked else "skipped"
    detail = "" if locked else OVERLAP
    if schedule.paused is not None:
        outcome, detail = "paused", PAUSED
    tick = Tick(
        schedule=schedule.name,
        due=now,
        claimed=now,
        launched=None if outcome else now,
        attempts=0 if outcome else 1,
        outcome=outcome,
        detail=detail,
        ended=now if outcome else None,
    )
    return store.open(tick)


class _TickRun:
    """A tick that is under way; the caller holds the schedule's lock."""

    def __init__(
        self,
        store: ScheduleStore,
        root: Path,
        schedule: Schedule,
        tick: Tick,
        clock: Clock,
        right: PushRight,
    ) -> None:
        self._store = store
        self._root = root
        self._schedule = schedule
        self._tick = tick
        self._clock = clock
        self._right = right
        self._run_id: str | None = None  # of the last run that began
        self._unreadable: list[str] = []  # spans that proved unreadable in this tick
        self._news = ""  # a remark if only the code is new

    def run(self) -> int:
        """Run the tick. Returns the exit code."""
        try:
            return self._run_until_readable(*build_pipeline(self._schedule))
        except PushRightLost as error:  # a later run works on the tick
            return explain(error, debug=False)
        except Exception as error:
            code = exit_codes.map_error(error)
            explain(error, debug=code == exit_codes.CRASH)
            self._end("failed", event="failed", detail=_summarize_error(error), run_id=self._run_id)
            return code

    def _run_until_readable(self, pipeline: PipelineConfig, beam_args: tuple[str, ...]) -> int:
        """Run the pipeline; if a span proves unreadable, run it again without that span."""
        while True:
            key = self._data_key(pipeline, beam_args)
            if key is None or (self._tick.kind == "scheduled" and self._is_settled(key, pipeline)):
                self._end_unchanged(key)
                return exit_codes.DONE
            run = run_pipeline(
                pipeline, self._root, self._schedule, beam_args, self._clock, self._right
            )
            self._right.check()
            self._run_id = run.run_id
            if run.error is None:
                return self._end_completed(run, key)
            span = run.run_id and quarantine_span(
                pipeline, self._root, run_id=run.run_id, error=run.error, now=self._clock()
            )
            if not span:
                raise run.error
            explain(run.error, debug=False)
            self._unreadable.append(span)
            reason = f"span {span} is left out until its files change: {run.error.brief}"
            self._notify("span unreadable", reason, run_id=run.run_id)

    def _data_key(self, pipeline: PipelineConfig, beam_args: tuple[str, ...]) -> str | None:
        """The key of a run's data and code; None while a schedule on new data has no data yet."""
        try:
            data = compute_data_key(pipeline, self._root, now=self._clock(), beam_args=beam_args)
            return f"{data}{_SEPARATOR}{compute_code_key(pipeline)}"
        except BadDataError:
            if isinstance(self._schedule.trigger, NewData):
                return None
            raise

    def _is_settled(self, key: str, pipeline: PipelineConfig) -> bool:
        """Whether the last run, or the last run that pushed, had this data and code."""
        settled = self._store.settled_keys(self._schedule.name)
        if key in settled and not have_imports_changed(pipeline, self._root):
            return True
        if key.partition(_SEPARATOR)[0] in {old.partition(_SEPARATOR)[0] for old in settled}:
            self._news = "the code is new, the data is that of an earlier run"
            say(f"{self._schedule.name}: {self._news}")
        return False

    def _end_unchanged(self, key: str | None) -> None:
        detail = "no data yet" if key is None else "data and code are those of the last run"
        if self._unreadable:
            detail = f"{', '.join(self._unreadable)} cannot be read; without it {detail}"
        self._end("nothing new", detail=detail, data_key=key)
        say(f"{self._schedule.name}: nothing new, {detail}")

    def _end_completed(self, run: PipelineRun, key: str) -> int:
        blocked = run.verdict not in (None, "passed") and not run.pushed
        self._end(
            "completed",
            event="pushed" if run.pushed else "blocked" if blocked else None,
            report=run.report,
            run_id=run.run_id,
            verdict=run.verdict,
            detail="; ".join(filter(None, (run.summary, self._news))),
            data_key=key,
            pushed=run.pushed,
        )
        return run.exit_code

    def _end(
        self,
        outcome: Outcome,
        *,
        event: str | None = None,
        report: str | None = None,
        run_id: str | None = None,
        verdict: str | None = None,
        detail: str,
        **facts: Any,
    ) -> None:
        """Record the outcome, then notify of it and of what follows from it."""
        of_run = {"run_id": run_id, "verdict": verdict}
        finished = self._store.finish(
            self._tick,
            outcome=outcome,
            now=self._clock(),
            run_id=run_id,
            verdict=verdict,
            detail=detail,
            **facts,
        )
        if event:
            self._notify(event, detail, report=report, **of_run)
        if finished.recovered:
            self._notify("recovered", "a success again", report=report, **of_run)
        if finished.paused:
            self._notify("paused", finished.paused, report=report, **of_run)

    def _notify(self, event: str, reason: str, **facts: Any) -> None:
        deliveries = notify(self._root, self._schedule, event, reason, due=self._tick.due, **facts)
        failed = [delivery for delivery in deliveries if not delivery.ok]
        if failed:
            remarks = (f"{d.target} was not notified of {event!r}: {d.error}" for d in failed)
            self._store.remark(self._tick, "; ".join(remarks))


def _summarize_error(error: Exception) -> str:
    """An error's message, in one line."""
    return error.brief if isinstance(error, PenstockError) else summarize_error(error)
