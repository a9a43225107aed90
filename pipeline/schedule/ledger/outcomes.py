"""Inserts ticks and their outcomes, and applies what follows: failures, pauses, cleared alarms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.schedule import due_policy
from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.tables import alarms, schedules, ticks
from pipeline.schedule.schedule import Outcome, Standing, Tick, is_failure, is_success
from pipeline.schedule.triggers.triggers import NewData

BY_DAEMONS = ("scheduled", "manual")  # the kinds of ticks that daemons launch
_WITHOUT_WORK = ("skipped", "missed", "paused")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The consequences of a tick's outcome.

    Attributes:
        entered: False if the tick had an outcome already; that one stays, and nothing follows.
        failures: failures of the schedule in a row, including this tick.
        paused: why this tick has paused the schedule; None if it has not.
        recovered: a success after failures, or after a missed deadline.
    """

    entered: bool
    failures: int = 0
    paused: str | None = None
    recovered: bool = False


def insert_tick(db: sa.Connection, tick: Tick) -> Tick:
    """Insert a tick; returns it with its id."""
    key = db.execute(ticks.insert().values(tables.tick_row(tick))).inserted_primary_key
    assert key is not None
    return dataclasses.replace(tick, id=key[0])


def enter(db: sa.Connection, tick: Tick) -> None:
    """Insert a tick, or extend the row of the tick before it if both had the same outcome."""
    before = _same_outcome_before(db, tick) if tick.outcome in _WITHOUT_WORK else None
    if before is None:
        insert_tick(db, tick)
    else:
        values = _values_of_both(before, tick)
        db.execute(ticks.update().where(ticks.c.id == before.id).values(values))


def drop_waiting(
    db: sa.Connection, name: str, now: float | None, outcome: Outcome, detail: str
) -> None:
    """End those ticks of a schedule that wait for a daemon to launch them."""
    update = ticks.update().where(
        ticks.c.schedule == name,
        ticks.c.outcome.is_(None),
        ticks.c.attempts == 0,
        ticks.c.kind.in_(BY_DAEMONS),
    )
    db.execute(update.values(outcome=outcome, ended=now, detail=detail))


def enter_end(db: sa.Connection, tick: Tick) -> Finished:
    """Record the outcome of a tick that has none yet, and apply what follows for its schedule."""
    row = tables.tick_row(tick)
    values = {
        name: row[name]
        for name in ("outcome", "ended", "run_id", "verdict", "detail", "data_key", "pushed")
    }
    update = ticks.update().where(ticks.c.id == tick.id, ticks.c.outcome.is_(None))
    if not db.execute(update.values(values)).rowcount:
        return Finished(entered=False)
    schedule_row = db.execute(schedules.select().where(schedules.c.name == tick.schedule)).first()
    if schedule_row is None or tick.kind == "backfill":
        return Finished(entered=True)
    standing = tables.read_standing(schedule_row)
    if tick.outcome == "nothing new" and isinstance(standing.schedule.trigger, NewData):
        _absorb_tick_before(db, tick)
    return _apply_outcome(db, tick, standing)


def _apply_outcome(db: sa.Connection, tick: Tick, standing: Standing) -> Finished:
    """Count failures in a row, pause after too many, and clear alarms after a success."""
    assert tick.outcome is not None
    schedule = standing.schedule
    update = schedules.update().where(schedules.c.name == schedule.name)
    if is_success(tick.outcome, tick.verdict):
        db.execute(update.values(failures=0, last_success=tick.ended, alarmed=None))
        raised = alarms.update().where(
            alarms.c.schedule == schedule.name, alarms.c.cleared.is_(None)
        )
        db.execute(raised.values(cleared=tick.ended))
        recovered = standing.failures > 0 or standing.alarmed is not None
        return Finished(entered=True, recovered=recovered)
    if not is_failure(tick.outcome, tick.verdict):
        return Finished(entered=True, failures=standing.failures)
    failures, reason = standing.failures + 1, None
    if schedule.paused is None and 0 < schedule.max_failures <= failures:
        reason = f"{failures} ticks in a row without success: {tick.detail or tick.verdict}"
        drop_waiting(db, schedule.name, tick.ended, "paused", due_policy.PAUSED)
    db.execute(update.values(failures=failures, paused=schedule.paused or reason))
    return Finished(entered=True, failures=failures, paused=reason)


def _absorb_tick_before(db: sa.Connection, tick: Tick) -> None:
    """Let the row of a tick stand for the tick before it too, if both had the same outcome."""
    before = _same_outcome_before(db, tick) if tick.kind == "scheduled" else None
    if before is not None:
        db.execute(ticks.delete().where(ticks.c.id == before.id))
        values = {"due": before.due, **_values_of_both(before, tick)}
        db.execute(ticks.update().where(ticks.c.id == tick.id).values(values))


def _values_of_both(before: Tick, tick: Tick) -> dict[str, float | None]:
    times, until = before.times + tick.times, tick.until or tick.due
    return {"times": times, "until": until, "ended": tick.ended}


def _same_outcome_before(db: sa.Connection, tick: Tick) -> Tick | None:
    """The scheduled tick before this one, if its outcome, detail and data are the same."""
    row = db.execute(
        ticks.select()
        .join(schedules, schedules.c.name == ticks.c.schedule)
        .where(ticks.c.schedule == tick.schedule, ticks.c.kind == "scheduled")
        .where(ticks.c.due < tick.due, ticks.c.due >= schedules.c.first_due)
        .order_by(ticks.c.due.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    before = tables.read_tick(row)
    same = all(
        getattr(before, name) == getattr(tick, name) for name in ("outcome", "detail", "data_key")
    )
    return before if same else None
