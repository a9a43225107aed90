"""What a schedule is, and what a tick of it came to."""

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

ATTEMPTS = 3  # how often a tick is launched whose process ends without an outcome
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A recipe, when it is due, and what to do where that does not go by plan.

    Attributes:
        name: of the schedule; becomes part of paths.
        recipe: with `settings`, `config_file`, `serving` (absolute paths), `beam_args` and
            `shared_filesystem`: as `penstock run` has them.
        folder: that the recipe's relative paths count from, absolute: a tick works in it.
        trigger: when a tick is due.
        overlap: what becomes of a tick that is due while the last one still runs.
        missed: what becomes of ticks that nobody took within `grace` seconds.
        fresh_within: seconds after a success by which there must be another; None: no deadline.
        max_failures: after so many in a row the schedule pauses itself; 0: never.
        notify: whom to tell, as `pipeline.schedule.notify.deliver` reads it.
        created: seconds since the epoch.
        paused: the reason, where it is.

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
        for what, value, fine in (
            ("grace", self.grace, self.grace >= 0),
            ("fresh_within", self.fresh_within, self.fresh_within is None or self.fresh_within > 0),
            ("max_failures", self.max_failures, self.max_failures >= 0),
        ):
            if not fine:
                raise ConfigError(f"{self.name}: {what} is out of range", got=value)

    def next_after(self, after: float) -> float:
        """The first due time later than `after`."""
        return self.trigger.next_after(after, self.created)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One due time of a schedule, or several in a row to which the same happened.

    Attributes:
        due: seconds since the epoch; of one by hand, when it was asked for.
        outcome: None while it waits, is under way, or is to be taken up again.
        verdict: of the run: passed, failed, not configured; None where nothing was judged.
        detail: why, in words.
        claimed: when it was taken note of, seconds since the epoch, as are the next two.
        launched: when its process was last started.
        ended: when it had its outcome.
        attempts: how often it was launched.
        data_key: what data and code were, as `pipeline.spans.data_key` and `planning.code_key` say.
        pushed: the run's model was pushed.
        times: for how many due times the tick stands, from `due` to `until`.
        until: the last of them; None where `times` is 1.
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
        """It is to be launched, and never was."""
        return self.outcome is None and self.attempts == 0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A schedule, and where it stands.

    Attributes:
        next_due: the first due time that nobody has taken.
        failures: in a row, up to now.
        last_success: when the last one ended, seconds since the epoch.
        alarmed: the deadline that was missed and said so; None after a success.
    """

    schedule: Schedule
    next_due: float
    failures: int = 0
    last_success: float | None = None
    alarmed: float | None = None

    @property
    def deadline(self) -> float | None:
        """By when there must be a success, seconds since the epoch."""
        if self.schedule.fresh_within is None:
            return None
        since = self.schedule.created if self.last_success is None else self.last_success
        return since + self.schedule.fresh_within


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person may want to know, found by the daemon."""

    event: Literal["stale", "failed", "paused"]
    schedule: Schedule
    reason: str
    tick: Tick | None = None


def is_success(outcome: Outcome, verdict: str | None) -> bool:
    """The run did all that was asked, and no verdict is against it."""
    return outcome == "completed" and verdict in (None, "passed")


def is_failure(outcome: Outcome, verdict: str | None) -> bool:
    """It counts towards `max_failures`: no run, or one that brought no model that may serve."""
    return outcome == "failed" or (outcome == "completed" and not is_success(outcome, verdict))


def check_name(name: str) -> None:
    """Raises ConfigError where `name` may not become part of a path."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a schedule",
            expected="a-z, 0-9, and after the first also . _ -; up to 100 characters",
        )
