"""One tick of a schedule: look at the data, run the pipeline if it is new, and say what came of it.

It is the same whoever starts it: a daemon, cron, systemd, Airflow or Kubernetes.
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
    RightLost,
    in_one_line,
)
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig
from pipeline.console.error_message import explain
from pipeline.console.streams import say
from pipeline.planning.code_key import compute_code_key, have_imports_changed
from pipeline.schedule import lock
from pipeline.schedule.due_policy import OVERLAP, PAUSED
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.notify.announce import tell
from pipeline.schedule.schedule import Outcome, Schedule, Tick
from pipeline.schedule.tick.pipeline_run import Attempt, attempt, built
from pipeline.schedule.triggers.triggers import NewData
from pipeline.spans.data_key import compute_data_key
from pipeline.spans.quarantine import quarantine_span
from pipeline.storage.pushes.push_right import PushRight

Clock = Callable[[], float]  # seconds since the epoch
_AND = "."  # in a key, between the data's and the code's


def do_tick(root: Path, name: str, due: float | None, *, clock: Clock = time.time) -> int:
    """Do one tick, enter its outcome, and tell whom the schedule names.

    Args:
        root: of the schedule.
        name: of the schedule.
        due: seconds since the epoch, of a tick that a daemon has launched; None: one that another
            scheduler starts now.
        clock: what time it is.

    Returns:
        The run's exit code; 0 where there was nothing to run.

    Raises:
        ConfigError: no such schedule, or no such tick.
        EnvironmentTrouble: another process works on the schedule, or the ledger cannot be used:
            the tick stays without an outcome, to be taken up again.
        KeyboardInterrupt: likewise.
    """
    root = root.resolve()
    with ScheduleStore.existing(root) as store, lock.holding(root, name) as mine:
        schedule = store.standing(name).schedule
        tick = _begun(store, schedule, due, mine=mine, now=clock())
        if tick.outcome:
            say(f"{name}: {tick.outcome}, {tick.detail}")
            return exit_codes.DONE
        return _Work(store, root, schedule, tick, clock, lock.take_over(root, name)).do()


def _begun(
    store: ScheduleStore, schedule: Schedule, due: float | None, *, mine: bool, now: float
) -> Tick:
    """The tick that is to be done, as the ledger has it; with an outcome where it is none."""
    if due is not None:
        found = store.tick(schedule.name, due)
        if found is None:
            raise ConfigError(f"{schedule.name!r} has no tick due at {due!r}")
        if not mine:
            raise EnvironmentTrouble(
                f"another process works on {schedule.name!r}",
                follows="the tick stays to be done",
                remedy="a daemon takes it up when that one has ended",
            )
        return found
    outcome: Outcome | None = None if mine else "skipped"
    detail = "" if mine else OVERLAP
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
    store.open(tick)
    return tick


class _Work:
    """A tick that is under way; whoever made it holds the schedule's lock."""

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
        self._run_id: str | None = None  # the last one that was begun
        self._left_out: list[str] = []  # spans that this tick found unreadable
        self._news = ""  # what the run has that those before had not, where only code is new

    def do(self) -> int:
        """Returns the exit code."""
        try:
            return self._until_settled(*built(self._schedule))
        except RightLost as error:  # the tick is another's now
            return explain(error, debug=False)
        except Exception as error:
            code = exit_codes.of_error(error)
            explain(error, debug=code == exit_codes.CRASH)
            self._end("failed", event="failed", detail=_in_brief(error), run_id=self._run_id)
            return code

    def _until_settled(self, pipeline: PipelineConfig, beam_args: tuple[str, ...]) -> int:
        """Run; again without it where a span proves to be unreadable."""
        while True:
            key = self._data_key(pipeline, beam_args)
            if key is None or (self._tick.kind == "due" and self._is_settled(key, pipeline)):
                self._nothing_new(key)
                return exit_codes.DONE
            made = attempt(
                pipeline, self._root, self._schedule, beam_args, self._clock, self._right
            )
            self._right.check()
            self._run_id = made.run_id
            if made.error is None:
                return self._ran(made, key)
            span = made.run_id and quarantine_span(
                pipeline, self._root, run_id=made.run_id, error=made.error, now=self._clock()
            )
            if not span:
                raise made.error
            explain(made.error, debug=False)
            self._left_out.append(span)
            reason = f"{span} is left out until its files change: {made.error.brief}"
            self._tell("span unreadable", reason, run_id=made.run_id)

    def _data_key(self, pipeline: PipelineConfig, beam_args: tuple[str, ...]) -> str | None:
        """What the run would read, data and code; None where one that waits has no data yet."""
        try:
            data = compute_data_key(pipeline, self._root, now=self._clock(), beam_args=beam_args)
            return f"{data}{_AND}{compute_code_key(pipeline)}"
        except BadDataError:
            if isinstance(self._schedule.trigger, NewData):
                return None
            raise

    def _is_settled(self, key: str, pipeline: PipelineConfig) -> bool:
        """Whether the last run, or the last that pushed, had that data and that code."""
        settled = self._store.settled_keys(self._schedule.name)
        if key in settled and not have_imports_changed(pipeline, self._root):
            return True
        if key.partition(_AND)[0] in {old.partition(_AND)[0] for old in settled}:
            self._news = "the code is new, the data is what an earlier run had"
            say(f"{self._schedule.name}: {self._news}")
        return False

    def _nothing_new(self, key: str | None) -> None:
        detail = "no data yet" if key is None else "data and code are what the last run had"
        if self._left_out:
            detail = f"{', '.join(self._left_out)} cannot be read; without it {detail}"
        self._end("nothing new", detail=detail, data_key=key)
        say(f"{self._schedule.name}: nothing new, {detail}")

    def _ran(self, made: Attempt, key: str) -> int:
        blocked = made.verdict not in (None, "passed") and not made.pushed
        self._end(
            "ran",
            event="pushed" if made.pushed else "blocked" if blocked else None,
            report=made.report,
            run_id=made.run_id,
            verdict=made.verdict,
            detail="; ".join(filter(None, (made.words, self._news))),
            data_key=key,
            pushed=made.pushed,
        )
        return made.exit_code

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
        """Enter the outcome, then tell of it, and of what follows from it."""
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
            self._tell(event, detail, report=report, **of_run)
        if finished.recovered:
            self._tell("recovered", "a success again", report=report, **of_run)
        if finished.paused:
            self._tell("paused", finished.paused, report=report, **of_run)

    def _tell(self, event: str, reason: str, **facts: Any) -> None:
        told = tell(self._root, self._schedule, event, reason, due=self._tick.due, **facts)
        untold = [f"{d.target} was not told of {event!r}: {d.error}" for d in told if not d.ok]
        if untold:
            self._store.remark(self._tick, "; ".join(untold))


def _in_brief(error: Exception) -> str:
    """What an error says, in one line."""
    return error.brief if isinstance(error, PenstockError) else in_one_line(error)
