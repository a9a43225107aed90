"""How a tick enters the ledger, how it ends there, and what follows from its end."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.schedule import due_policy
from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.tables import alarms, schedules, ticks
from pipeline.schedule.schedule import Outcome, Standing, Tick, is_failure, is_success
from pipeline.schedule.triggers.triggers import NewData

BY_DAEMONS = ("due", "by hand")  # the kinds of ticks that daemons launch
_QUIET = ("skipped", "missed", "paused")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What followed from a tick's end.

    Attributes:
        entered: False where it had an outcome before, which stays; then nothing followed.
        failures: of the schedule in a row, this one with it.
        paused: why the schedule has paused itself with this tick; None: it has not.
        recovered: a success after failures, or after a deadline that was missed.
    """

    entered: bool
    failures: int = 0
    paused: str | None = None
    recovered: bool = False


def enter(db: sa.Connection, tick: Tick) -> None:
    """Enter a tick. One to which the same happened as to the one before is counted there."""
    if not (tick.outcome in _QUIET and _count_with_the_one_before(db, tick)):
        db.execute(ticks.insert().values(tables.tick_row(tick)))


def drop_waiting(
    db: sa.Connection, name: str, now: float | None, outcome: Outcome, detail: str
) -> None:
    """End the ticks of a schedule that a daemon was to launch and has not."""
    update = ticks.update().where(
        ticks.c.schedule == name,
        ticks.c.outcome.is_(None),
        ticks.c.attempts == 0,
        ticks.c.kind.in_(BY_DAEMONS),
    )
    db.execute(update.values(outcome=outcome, ended=now, detail=detail))


def enter_end(db: sa.Connection, tick: Tick) -> Finished:
    """Enter the outcome of a tick that has none yet, and what follows for its schedule."""
    row = tables.tick_row(tick)
    values = {
        name: row[name]
        for name in ("outcome", "ended", "run_id", "verdict", "detail", "data_key", "pushed")
    }
    update = ticks.update().where(tables.same_tick(tick), ticks.c.outcome.is_(None))
    if not db.execute(update.values(values)).rowcount:
        return Finished(entered=False)
    found = db.execute(schedules.select().where(schedules.c.name == tick.schedule)).first()
    if found is None or tick.kind == "backfill":
        return Finished(entered=True)
    standing = tables.standing(found)
    if tick.outcome == "nothing new" and isinstance(standing.schedule.trigger, NewData):
        _drop_if_counted(db, tick)
    return _follow(db, tick, standing)


def _follow(db: sa.Connection, tick: Tick, standing: Standing) -> Finished:
    """Failures in a row, the pause after too many, the deadline after a success."""
    assert tick.outcome is not None
    schedule = standing.schedule
    update = schedules.update().where(schedules.c.name == schedule.name)
    if is_success(tick.outcome, tick.verdict):
        db.execute(update.values(failures=0, last_success=tick.ended, alarmed=None))
        missed = alarms.update().where(
            alarms.c.schedule == schedule.name, alarms.c.cleared.is_(None)
        )
        db.execute(missed.values(cleared=tick.ended))
        late = standing.failures > 0 or standing.alarmed is not None
        return Finished(entered=True, recovered=late)
    if not is_failure(tick.outcome, tick.verdict):
        return Finished(entered=True, failures=standing.failures)
    failures, reason = standing.failures + 1, None
    if schedule.paused is None and 0 < schedule.max_failures <= failures:
        reason = f"{failures} ticks in a row without success: {tick.detail or tick.verdict}"
        drop_waiting(db, schedule.name, tick.ended, "paused", due_policy.PAUSED)
    db.execute(update.values(failures=failures, paused=schedule.paused or reason))
    return Finished(entered=True, failures=failures, paused=reason)


def _drop_if_counted(db: sa.Connection, tick: Tick) -> None:
    if tick.kind == "due" and _count_with_the_one_before(db, tick):
        db.execute(ticks.delete().where(tables.same_tick(tick)))


def _count_with_the_one_before(db: sa.Connection, tick: Tick) -> bool:
    """Let the row of the due time before stand for this one too, where the two are alike."""
    before = db.execute(
        ticks.select()
        .join(schedules, schedules.c.name == ticks.c.schedule)
        .where(ticks.c.schedule == tick.schedule, ticks.c.kind == "due", ticks.c.due < tick.due)
        .where(ticks.c.due >= schedules.c.first_due)
        .order_by(ticks.c.due.desc())
        .limit(1)
    ).first()
    if before is None:
        return False
    last = tables.tick(before)
    if any(
        getattr(last, name) != getattr(tick, name) for name in ("outcome", "detail", "data_key")
    ):
        return False
    db.execute(
        ticks.update()
        .where(tables.same_tick(last))
        .values(times=last.times + tick.times, until=tick.until or tick.due, ended=tick.ended)
    )
    return True
