"""What becomes of due times: taken, skipped, missed or paused. Pure: no clock, no ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.schedule.schedule import Outcome, Schedule, Tick

OVERLAP = "the one before had not ended"
WAITING = "the one before had not begun; its run does for both"
MISSED = "nobody was there to take it in time"
SUPERSEDED = "nobody was there to take it in time; a later one runs instead"
PAUSED = "the schedule was paused"


@dataclass(frozen=True)
class Decision:
    """The ticks to enter, in order, and the first due time after them."""

    ticks: tuple[Tick, ...]
    next_due: float


def decide(
    schedule: Schedule, next_due: float, now: float, *, ahead: int, begun: bool = True
) -> Decision | None:
    """The next decision about the due times from `next_due` to `now`; None: none is to be made.

    Ask again, from the `next_due` of the decision, until it answers None.

    Args:
        schedule: whose they are.
        next_due: the first that nobody has taken.
        now: seconds since the epoch.
        ahead: how many ticks of the schedule are under way or wait.
        begun: whether one of them is under way, or was.
    """
    if next_due > now:
        return None
    if schedule.paused is not None:
        return _all_of(schedule, next_due, now, now, "paused", PAUSED)
    in_time = now - schedule.grace  # from here on
    if next_due < in_time:
        return _late(schedule, next_due, now, in_time, ahead, begun)
    return _taken(schedule, next_due, now, ahead, begun)


def _late(
    schedule: Schedule, next_due: float, now: float, in_time: float, ahead: int, begun: bool
) -> Decision | None:
    if schedule.missed == "skip":
        return _all_of(schedule, next_due, in_time, now, "missed", MISSED, reaching=False)
    if schedule.missed == "all":
        if ahead:
            return None  # it waits for its turn, and all after it
        return Decision((_tick(schedule, next_due, now),), schedule.next_after(next_due))
    newest, count, before = next_due, 0, next_due
    for due in _dues(schedule, schedule.next_after(next_due), now):
        newest, before, count = due, newest, count + 1
    if count == 0:
        return _taken(schedule, next_due, now, ahead, begun)
    if newest >= in_time:  # those in time are decided each by itself
        return _all_of(schedule, next_due, in_time, now, "missed", SUPERSEDED, reaching=False)
    missed = _tick(schedule, next_due, now, "missed", SUPERSEDED, count, before)
    return Decision((missed,), newest)


def _taken(schedule: Schedule, due: float, now: float, ahead: int, begun: bool) -> Decision:
    if ahead < (2 if schedule.overlap == "queue" else 1):
        return Decision((_tick(schedule, due, now),), schedule.next_after(due))
    return _all_of(schedule, due, now, now, "skipped", OVERLAP if begun else WAITING)


def _all_of(
    schedule: Schedule,
    first: float,
    end: float,
    now: float,
    outcome: Outcome,
    detail: str,
    *,
    reaching: bool = True,
) -> Decision:
    """One tick for all due times from `first` to `end`, which counts only where `reaching`."""
    count, last, following = 1, first, schedule.next_after(first)
    while following < end or (reaching and following == end):
        count, last, following = count + 1, following, schedule.next_after(following)
    return Decision((_tick(schedule, first, now, outcome, detail, count, last),), following)


def _dues(schedule: Schedule, due: float, end: float) -> Iterator[float]:
    while due <= end:
        yield due
        due = schedule.next_after(due)


def _tick(
    schedule: Schedule,
    due: float,
    now: float,
    outcome: Outcome | None = None,
    detail: str = "",
    times: int = 1,
    until: float | None = None,
) -> Tick:
    return Tick(
        schedule=schedule.name,
        due=due,
        outcome=outcome,
        detail=detail,
        claimed=now,
        ended=None if outcome is None else now,
        times=times,
        until=until if times > 1 else None,
    )
