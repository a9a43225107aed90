"""Renders a schedule as a service and a timer of systemd."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.schedule.emit.job import Clock, Job
from pipeline.schedule.emit.render import render
from pipeline.schedule.emit.times import Times, format_ranges

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def render_units(job: Job, *, user: str | None) -> dict[str, str]:
    """Render the two units, by their file names.

    Args:
        job: the schedule.
        user: the user of the service; None for root, or for a unit of your own user manager.
    """
    name = f"penstock-{job.name}"
    service = render(
        "service.j2",
        job=job,
        user=user,
        # The colon turns off the expansion of $.
        command=":" + " ".join(_quoted(word) for word in job.command),
        folder=job.folder.replace("%", "%%"),
        environment=f"/etc/penstock/{job.name}.env" if job.variables else None,
    )
    calendars = on_calendar(job.when) if isinstance(job.when, Clock) else []
    timer = render("timer.j2", job=job, calendars=calendars)
    return {f"{name}.service": service, f"{name}.timer": timer}


def on_calendar(clock: Clock) -> list[str]:
    """The values of `OnCalendar=`; the schedule is due when any of them is.

    Each value requires both the weekday and the day of the month, so that "either" takes two.
    """
    times = clock.times
    all_days, all_weekdays = frozenset(range(1, 32)), frozenset(range(7))
    pairs = [(times.days, times.weekdays)]
    if times.either:
        pairs = [(times.days, all_weekdays), (all_days, times.weekdays)]
    return [_expression(times, *pair, clock.zone) for pair in pairs]


def _expression(times: Times, days: frozenset[int], weekdays: frozenset[int], zone: str) -> str:
    names = "" if len(weekdays) == 7 else ",".join(_DAYS[day] for day in sorted(weekdays)) + " "
    date = f"*-{_field(times.months, 12)}-{_field(days, 31)}"
    return f"{names}{date} {_field(times.hours, 24)}:{_field(times.minutes, 60)}:00 {zone}"


def _field(numbers: Iterable[int], size: int) -> str:
    numbers = frozenset(numbers)
    return "*" if len(numbers) == size else format_ranges(numbers, "..", "{:02}")


def _quoted(word: str) -> str:
    """Quote a word for `ExecStart=`, as systemd.syntax(7) says, and escape specifiers."""
    for sign in ("\\", '"'):
        word = word.replace(sign, "\\" + sign)
    return '"' + word.replace("%", "%%") + '"'
