"""Times of a cron expression as sets of numbers, which every scheduler can be told in its words."""

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
    """When a cron expression is due.

    Args:
        text: the expression, as it was written.
        weekdays: 0 to 6, 0 is Sunday.
        either: a day is due if its number or its weekday is; else both must be. Cron wants both
            where one of the two fields begins with a star.
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
        """What the expression means, as cronsim reads it.

        Raises:
            ConfigError: it is no cron expression, or one that only Penstock's daemon can follow.
        """
        from cronsim import CronSim, CronSimError

        try:
            read = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ConfigError(
                f"{expression!r} is no cron expression", got=str(error), expected="0 3 * * *"
            ) from None
        numbers = [*read.days, *read.weekdays]
        if len(expression.split()) != 5 or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ConfigError(
                f"other schedulers do not know {expression!r}",
                expected="five fields of numbers, names, ranges and steps; no seconds, L, W or #",
                remedy="let `penstock schedule run` follow it",
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
        """Whether number and weekday of a day must both be right: many cannot be told so."""
        return not self.either and len(self.days) < 31 and len(self.weekdays) < 7

    def cron(self) -> str:
        """Five fields that mean the same to every reader of cron expressions.

        Raises:
            ConfigError: there are none.
        """
        if self.needs_both:
            raise ConfigError(
                f"{self.text!r} wants the day of the month and the weekday both, which not every "
                "reader of cron expressions does",
                remedy="--as cron or --as systemd, or let `penstock schedule run` follow it",
            )
        return self.debian_cron()

    def debian_cron(self) -> str:
        """Five fields as Debian's cron and cronie read them."""
        written = dict(zip(_ALL, self.text.split(), strict=True))
        return " ".join(self._field(name, text) for name, text in written.items())

    def _field(self, name: str, written: str) -> str:
        """A star or its steps as written, else numbers: not all readers know names, or 7."""
        numbers: frozenset[int] = getattr(self, name)
        if len(numbers) == len(_ALL[name]):
            return "*"
        if name in ("days", "weekdays"):  # there a star has a meaning besides
            keep = self.needs_both and written.startswith("*")
        else:
            keep = bool(_STAR.fullmatch(written))
        return written if keep else ranges(numbers, "-")


def ranges(numbers: Iterable[int], dash: str, form: str = "{}") -> str:
    """`1-3,7` of 1, 2, 3 and 7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = ([form.format(number) for number in run] for run in runs)
    return ",".join(f"{w[0]}{dash}{w[-1]}" if len(w) > 2 else ",".join(w) for w in words)


def convert_interval(seconds: float) -> str:
    """The cron expression of a tick every so many seconds.

    Raises:
        ConfigError: there is none.
    """
    for unit, many, form in ((60, 60, "*/{} * * * *"), (3600, 24, "0 */{} * * *")):
        number, rest = divmod(seconds, unit)
        if not rest and number < many and many % number == 0:
            return form.format(f"{number:g}").replace("*/1 ", "* ")
    if seconds == 86_400:
        return "0 0 * * *"
    raise ConfigError(
        f"a cron expression cannot say every {seconds:g} s",
        expected="minutes that divide an hour, or hours that divide a day",
        remedy="--as systemd or --as airflow, or let `penstock schedule run` follow it",
    )
