"""Computes the due times of a cron expression of five fields in a time zone."""

from __future__ import annotations

import difflib
import math
import zoneinfo
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from data.errors import ConfigError

_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_RANGES = ("0-59", "0-23", "1-31 or L", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_STRETCH = 7 * 86_400  # seconds; no zone changes its offset twice within them


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A cron expression of five fields, by the wall clock of a zone.

    As in Debian's cron, a fixed time that a day lacks is due right after the gap, and a time that
    a day has twice is due once, the first time; a star for minute or hour follows the wall clock.

    Raises:
        ConfigError: the expression or the time zone is invalid; the message names the field.
    """

    expression: str
    tz: str = "UTC"
    _zone: zoneinfo.ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", _zone(self.tz))
        _check(self.expression)

    def next_after(self, after: float, anchor: float = 0.0) -> float:
        """The first due time later than `after`; `anchor` does not matter."""
        minute, hour, *_ = self.expression.split()
        if minute.startswith("*") or hour.startswith("*"):
            return self._by_wall_clock(math.floor(after) + 1)
        start = datetime.fromtimestamp(math.floor(after), self._zone)
        dates = (date.timestamp() for date in CronSim(self.expression, start))
        return next(due for due in dates if due > after)

    def _by_wall_clock(self, first: int) -> float:
        """The first due time from `first` on. CronSim errs where a UTC offset changes."""
        while True:
            offset = self._offset(first)
            end = self._end_of_stretch(first, offset)
            wall = datetime.fromtimestamp(first - 1, UTC).replace(tzinfo=None) + offset
            due = (next(CronSim(self.expression, wall)) - offset).replace(tzinfo=UTC).timestamp()
            if due < end:
                return due
            first = end

    def _end_of_stretch(self, first: int, offset: timedelta) -> int:
        """The first second with another UTC offset, at most a week later."""
        same, other = first, first + _STRETCH
        if self._offset(other) == offset:
            return other
        while other - same > 1:
            middle = (same + other) // 2
            same, other = (middle, other) if self._offset(middle) == offset else (same, middle)
        return other

    def _offset(self, at: int) -> timedelta:
        return datetime.fromtimestamp(at, self._zone).utcoffset() or timedelta()

    def describe(self) -> str:
        return f"cron {self.expression!r} {self.tz}"


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zones = sorted(zoneinfo.available_timezones())
        cities = {zone.rpartition("/")[2].lower(): zone for zone in zones}
        close = difflib.get_close_matches(name, zones, n=3, cutoff=0.6)
        city = name.rpartition("/")[2].lower().replace(" ", "_")
        close += [cities[c] for c in difflib.get_close_matches(city, cities, n=2, cutoff=0.7)]
        raise ConfigError(
            f"unknown time zone {name!r}",
            expected="a name from the IANA time zone database, such as Europe/Zurich, or UTC",
            remedy="did you mean " + " or ".join(repr(c) for c in dict.fromkeys(close)) + "?"
            if close
            else None,
        ) from None


def _check(expression: str) -> None:
    parts = expression.split()
    if len(parts) != 5:
        raise ConfigError(
            f"the cron expression {expression!r} has {len(parts)} fields",
            expected="5: " + " ".join(_FIELDS),
            remedy='in quotes, "0 3 * * *" is every day at 03:00; for seconds use --every 30s',
        )
    for index, (text, name, allowed) in enumerate(zip(parts, _FIELDS, _RANGES, strict=True)):
        alone = ["*"] * 5
        alone[index] = text
        try:
            CronSim(" ".join(alone), datetime(2000, 1, 1))
        except CronSimError:
            raise ConfigError(
                f"the cron expression {expression!r} has an invalid {name}",
                expected=f"{allowed}, *, lists 1,2, ranges 1-5, steps */10",
                got=f"{text!r}, field {index + 1} of 5",
            ) from None
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))
    except (CronSimError, StopIteration):
        raise ConfigError(
            f"the cron expression {expression!r} is never due",
            expected="a date that exists",
            got=f"day-of-month {parts[2]!r} in month {parts[3]!r}",
        ) from None
