"""Decides for each due time: launch, skipped, missed or paused. Pure: no clock, no ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.schedule.schedule import Outcome, Schedule, Tick

OVERLAP = "the tick before had not ended"
WAITING = "the tick before had not begun; its run counts for both"
MISSED = "no daemon was running to launch it in time"
SUPERSEDED = "no daemon was running to launch it in time; a later tick runs instead"
PAUSED = "the schedule was paused"


@dataclass(frozen=True)
class Decision:
    """The ticks to insert, in order, and the first due time after them."""

    ticks: tuple[Tick, ...]
    next_due: float


def decide(
    schedule: Schedule, next_due: float, now: float, *, ahead: int, begun: bool = True
) -> Decision | None:
    """Decide about the first due times from `next_due` to `now`; None if there is nothing to do.

    Call it again with the decision's `next_due` until it returns None.

    Args:
        schedule: whose due times these are.
        next_due: the first due time without a tick.
        now: seconds since the epoch.
        ahead: how many ticks of the schedule are under way or waiting.
        begun: whether one of them has begun.
    """
    if next_due > now:
        return None
    if schedule.paused is not None:
        return _close_all(schedule, next_due, now, now, "paused", PAUSED)
    in_time = now - schedule.grace  # due times from here on are in time
    if next_due < in_time:
        return _decide_late(schedule, next_due, now, in_time, ahead, begun)
    return _decide_in_time(schedule, next_due, now, ahead, begun)


def _decide_late(
    schedule: Schedule, next_due: float, now: float, in_time: float, ahead: int, begun: bool
) -> Decision | None:
    if schedule.missed == "skip":
        return _close_all(schedule, next_due, in_time, now, "missed", MISSED, inclusive=False)
    if schedule.missed == "all":
        if ahead:
            return None  # one after the other
        return Decision((_new_tick(schedule, next_due, now),), schedule.next_after(next_due))
    newest, count, before_newest = next_due, 0, next_due
    for due in _due_times(schedule, schedule.next_after(next_due), now):
        newest, before_newest, count = due, newest, count + 1
    if count == 0:
        return _decide_in_time(schedule, next_due, now, ahead, begun)
    if newest >= in_time:  # due times in time are decided one by one
        return _close_all(schedule, next_due, in_time, now, "missed", SUPERSEDED, inclusive=False)
    missed = _new_tick(schedule, next_due, now, "missed", SUPERSEDED, count, before_newest)
    return Decision((missed,), newest)


def _decide_in_time(
    schedule: Schedule, due: float, now: float, ahead: int, begun: bool
) -> Decision:
    if ahead < (2 if schedule.overlap == "queue" else 1):
        return Decision((_new_tick(schedule, due, now),), schedule.next_after(due))
    return _close_all(schedule, due, now, now, "skipped", OVERLAP if begun else WAITING)


def _close_all(
    schedule: Schedule,
    first: float,
    end: float,
    now: float,
    outcome: Outcome,
    detail: str,
    *,
    inclusive: bool = True,
) -> Decision:
    """End all due times from `first` to `end` (itself only if `inclusive`) in one tick."""
    count, last, following = 1, first, schedule.next_after(first)
    while following < end or (inclusive and following == end):
        count, last, following = count + 1, following, schedule.next_after(following)
    return Decision((_new_tick(schedule, first, now, outcome, detail, count, last),), following)


def _due_times(schedule: Schedule, due: float, end: float) -> Iterator[float]:
    while due <= end:
        yield due
        due = schedule.next_after(due)


def _new_tick(
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
