"""Computes when a schedule is due, in seconds since the epoch; only Cron uses time zones."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal

from data.errors import ConfigError
from pipeline.schedule.triggers import durations
from pipeline.schedule.triggers.cron import Cron

__all__ = ["Cron", "Every", "NewData", "Trigger", "from_plain", "shortest_gap", "to_plain"]

_SHORTEST = 1.0  # seconds between two ticks


@dataclass(frozen=True, kw_only=True)
class Every:
    """Due at a fixed interval, counted from when the schedule was added."""

    seconds: float

    def __post_init__(self) -> None:
        _check_interval("--every", self.seconds)

    def next_after(self, after: float, anchor: float = 0.0) -> float:
        return _multiple(self.seconds, after, anchor)

    def describe(self) -> str:
        return f"every {durations.format_duration(self.seconds)}"


@dataclass(frozen=True, kw_only=True)
class NewData:
    """Due when there is new data, which each tick looks for at a fixed interval."""

    check_every: float  # seconds

    def __post_init__(self) -> None:
        _check_interval("--check-every", self.check_every)

    def next_after(self, after: float, anchor: float = 0.0) -> float:
        return _multiple(self.check_every, after, anchor)

    def describe(self) -> str:
        return f"on new data, looked for every {durations.format_duration(self.check_every)}"


Trigger = Cron | Every | NewData
_KINDS: dict[str, type[Cron] | type[Every] | type[NewData]] = {
    "cron": Cron,
    "every": Every,
    "new data": NewData,
}


def to_plain(trigger: Trigger) -> dict[str, Any]:
    """Convert a trigger to a JSON object."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(trigger, cls))
    values = {k: v for k, v in vars(trigger).items() if not k.startswith("_")}
    return {"kind": kind, **values}


def from_plain(plain: dict[str, Any]) -> Trigger:
    """Convert the result of `to_plain` back."""
    return _build(tuple(plain.items()))


@functools.lru_cache(1_000)  # a daemon reads its schedules every second
def _build(items: tuple[tuple[str, Any], ...]) -> Trigger:
    values = dict(items)
    return _KINDS[values.pop("kind")](**values)


def shortest_gap(trigger: Trigger, after: float, anchor: float, among: int = 50) -> float:
    """The smallest number of seconds between two of the next due times."""
    dues = [trigger.next_after(after, anchor)]
    while len(dues) < among:
        dues.append(trigger.next_after(dues[-1], anchor))
    return min(later - earlier for earlier, later in itertools.pairwise(dues))


def _multiple(step: float, after: float, anchor: float) -> float:
    start = math.floor(anchor)
    due = start + max(1, math.floor((after - start) / step)) * step
    while due <= after:
        due += step
    return due


def _check_interval(option: Literal["--every", "--check-every"], seconds: float) -> None:
    if not _SHORTEST <= seconds < math.inf:
        raise ConfigError(
            f"{option}: the interval is out of range",
            expected=f"at least {_SHORTEST:g} s",
            got=f"{seconds:g} s",
        )
