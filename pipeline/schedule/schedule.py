"""Defines schedules, their ticks, and what outcomes mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from data.errors import ConfigError
from pipeline.schedule.triggers.triggers import Trigger

Overlap = Literal["skip", "queue"]
Missed = Literal["once", "all", "skip"]
Kind = Literal["scheduled", "manual", "backfill"]
Outcome = Literal["completed", "nothing new", "skipped", "missed", "failed", "paused"]

ATTEMPTS = 3  # launches of a tick whose process ends without an outcome
_RANGES = {
    "grace": "0 seconds or more",
    "fresh_within": "more than 0 seconds",
    "max_failures": "0 or more",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A recipe, when it is due, and what happens to late, overlapping and failed ticks.

    Attributes:
        name: of the schedule; part of paths.
        recipe: as for `penstock run`; so are `settings`, `config_file` and `serving` (absolute
            paths), `beam_args` and `shared_filesystem`.
        folder: working folder of its ticks, absolute; relative paths of the recipe refer to it.
        trigger: when a tick is due.
        overlap: what happens to a tick that is due while the one before is under way.
        missed: what happens to ticks that were not launched within `grace` seconds.
        fresh_within: seconds from one success to the deadline of the next; None: no deadline.
        max_failures: number of failures in a row that pauses the schedule; 0: never.
        notify: targets, as `pipeline.schedule.notify.targets` parses them.
        created: seconds since the epoch.
        paused: the reason; None while the schedule is active.

    Raises:
        ConfigError: the name or a number is out of range.
    """

    name: str
    recipe: str
    trigger: Trigger
    created: float
    folder: str | None = None
    settings: tuple[str, ...] = ()
    config_file: str | None = None
    serving: str | None = None
    beam_args: tuple[str, ...] = ()
    shared_filesystem: bool = False
    overlap: Overlap = "skip"
    missed: Missed = "once"
    grace: float = 300.0
    fresh_within: float | None = None
    max_failures: int = 3
    notify: tuple[str, ...] = ()
    paused: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        for what, value, valid in (
            ("grace", self.grace, self.grace >= 0),
            ("fresh_within", self.fresh_within, self.fresh_within is None or self.fresh_within > 0),
            ("max_failures", self.max_failures, self.max_failures >= 0),
        ):
            if not valid:
                raise ConfigError(
                    f"schedule {self.name!r}: {what} is out of range",
                    expected=_RANGES[what],
                    got=value,
                )

    def next_after(self, after: float) -> float:
        """The first due time later than `after`."""
        return self.trigger.next_after(after, self.created)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One due time of a schedule, or several in a row with the same outcome.

    Attributes:
        id: in the ledger; None before it is inserted.
        due: seconds since the epoch; of a manual tick, the time of the request.
        kind: scheduled, manual or backfill.
        outcome: None while it waits, is under way, or is to be launched again.
        verdict: of the run: passed, failed, not configured; None if no model was judged.
        detail: the reason, as text.
        claimed: when it was inserted, in seconds since the epoch, as are the next two.
        launched: when its process was last started.
        ended: when it got its outcome.
        attempts: number of launches.
        data_key: key of data and code, by `pipeline.spans.data_key` and `planning.code_key`.
        pushed: whether the run's model was pushed.
        times: number of due times that the tick stands for, from `due` to `until`.
        until: the last of them; None if `times` is 1.
    """

    id: int | None = None
    schedule: str
    due: float
    kind: Kind = "scheduled"
    outcome: Outcome | None = None
    run_id: str | None = None
    verdict: str | None = None
    detail: str = ""
    claimed: float
    launched: float | None = None
    ended: float | None = None
    attempts: int = 0
    data_key: str | None = None
    pushed: bool = False
    times: int = 1
    until: float | None = None

    @property
    def waits(self) -> bool:
        """Whether it is to be launched for the first time."""
        return self.outcome is None and self.attempts == 0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A schedule and its state.

    Attributes:
        next_due: the first due time without a tick.
        failures: number of failures in a row, up to now.
        last_success: when the last success ended, in seconds since the epoch.
        alarmed: the missed deadline of which people were notified; None after a success.
    """

    schedule: Schedule
    next_due: float
    failures: int = 0
    last_success: float | None = None
    alarmed: float | None = None

    @property
    def deadline(self) -> float | None:
        """The deadline of the next success, in seconds since the epoch."""
        if self.schedule.fresh_within is None:
            return None
        start = self.schedule.created if self.last_success is None else self.last_success
        return start + self.schedule.fresh_within


@dataclass(frozen=True, kw_only=True)
class Notice:
    """An event that a daemon noticed and people are notified of."""

    event: Literal["stale", "failed", "paused"]
    schedule: Schedule
    reason: str
    tick: Tick | None = None


def is_success(outcome: Outcome, verdict: str | None) -> bool:
    """Whether the run completed and its verdict, if any, is passed."""
    return outcome == "completed" and verdict in (None, "passed")


def is_failure(outcome: Outcome, verdict: str | None) -> bool:
    """Whether the tick counts towards `max_failures`: the run failed, or its model did not pass."""
    return outcome == "failed" or (outcome == "completed" and not is_success(outcome, verdict))


def check_name(name: str) -> None:
    """Raises ConfigError where `name` may not become part of a path."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"invalid schedule name {name!r}",
            expected="up to 100 characters: a-z, 0-9, and after the first also . _ -",
        )
