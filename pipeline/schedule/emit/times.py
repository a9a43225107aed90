"""Converts the times of a cron expression for other schedulers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from data.errors import ConfigError

_STAR = re.compile(r"\*(/[0-9]+)?")
_ALL = {
    "minutes": range(60),
    "hours": range(24),
    "days": range(1, 32),
    "months": range(1, 13),
    "weekdays": range(7),
}


@dataclass(frozen=True, kw_only=True)
class Times:
    """The times of a cron expression, as sets of numbers.

    Args:
        text: the expression.
        weekdays: 0 to 6, 0 is Sunday.
        either: a day is due if its number or its weekday is; else both must be. In cron, both must
            be if one of the two fields begins with a star.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @classmethod
    def of(cls, expression: str) -> Self:
        """Parse an expression, by cronsim.

        Raises:
            ConfigError: it is not a cron expression, or only Penstock's daemon supports it.
        """
        from cronsim import CronSim, CronSimError

        try:
            read = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ConfigError(
                f"invalid cron expression {expression!r}",
                expected="such as 0 3 * * *",
                got=str(error),
            ) from None
        numbers = [*read.days, *read.weekdays]
        if len(expression.split()) != 5 or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ConfigError(
                f"other schedulers do not support {expression!r}",
                expected="five fields of numbers, names, ranges and steps; no seconds, L, W or #",
                remedy="use `penstock schedule run`",
            )
        weekdays = frozenset(day % 7 for day in read.weekdays if isinstance(day, int))
        days = frozenset(read.days)
        every = len(days) == 31 or len(weekdays) == 7
        if every and not read.day_and:  # every day is due by one of the two
            days, weekdays = frozenset(_ALL["days"]), frozenset(_ALL["weekdays"])
        return cls(
            text=expression,
            minutes=frozenset(read.minutes),
            hours=frozenset(read.hours),
            days=days,
            months=frozenset(read.months),
            weekdays=weekdays,
            either=not read.day_and and not every,
        )

    @property
    def needs_both(self) -> bool:
        """Whether number and weekday of a day must both match, which few schedulers support."""
        return not self.either and len(self.days) < 31 and len(self.weekdays) < 7

    def cron(self) -> str:
        """Five fields that every scheduler reads in the same way.

        Raises:
            ConfigError: there are no such fields.
        """
        if self.needs_both:
            raise ConfigError(
                f"{self.text!r} requires both the day of the month and the weekday, "
                "which not every scheduler supports",
                remedy="use --as cron, --as systemd or `penstock schedule run`",
            )
        return self.debian_cron()

    def debian_cron(self) -> str:
        """Five fields for Debian's cron and cronie."""
        written = dict(zip(_ALL, self.text.split(), strict=True))
        return " ".join(self._field(name, text) for name, text in written.items())

    def _field(self, name: str, written: str) -> str:
        """A star and its steps stay; names and 7, which not all schedulers know, become numbers."""
        numbers: frozenset[int] = getattr(self, name)
        if len(numbers) == len(_ALL[name]):
            return "*"
        if name in ("days", "weekdays"):  # where a star also decides `either`
            keep = self.needs_both and written.startswith("*")
        else:
            keep = bool(_STAR.fullmatch(written))
        return written if keep else format_ranges(numbers, "-")


def format_ranges(numbers: Iterable[int], dash: str, form: str = "{}") -> str:
    """Write numbers as ranges: 1, 2, 3 and 7 as `1-3,7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = ([form.format(number) for number in run] for run in runs)
    return ",".join(f"{t[0]}{dash}{t[-1]}" if len(t) > 2 else ",".join(t) for t in texts)


def convert_interval(seconds: float) -> str:
    """Convert an interval to a cron expression.

    Raises:
        ConfigError: no cron expression has this interval.
    """
    for unit, many, form in ((60, 60, "*/{} * * * *"), (3600, 24, "0 */{} * * *")):
        number, rest = divmod(seconds, unit)
        if not rest and number < many and many % number == 0:
            return form.format(f"{number:g}").replace("*/1 ", "* ")
    if seconds == 86_400:
        return "0 0 * * *"
    raise ConfigError(
        f"a cron expression cannot express every {seconds:g} s",
        expected="minutes that divide an hour, or hours that divide a day",
        remedy="use --as systemd, --as airflow or `penstock schedule run`",
    )
