"""Defines the tables of schedules, ticks, alarms and daemons. Times: seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from pipeline.schedule.schedule import Schedule, Standing, Tick
from pipeline.schedule.triggers import triggers
from pipeline.schedule.triggers.triggers import Trigger
from pipeline.storage.tables import columns_of


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A deadline that passed without a success."""

    schedule: str
    deadline: float
    raised: float
    cleared: float | None = None


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The last time at which a daemon was alive."""

    id: str
    started: float
    last_seen: float


class TriggerAsJson(sa.TypeDecorator[Trigger]):
    """Stores a trigger as JSON."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: Any, _: object) -> Any:
        return triggers.to_plain(value)

    def process_result_value(self, value: Any, _: object) -> Any:
        return triggers.from_plain(value)


meta = sa.MetaData()
schedules = sa.Table(
    "schedules",
    meta,
    *columns_of(Schedule, key=("name",), sql={"trigger": TriggerAsJson}),
    sa.Column("first_due", sa.Float, nullable=False),  # earlier ticks are a removed schedule's
    *columns_of(Standing, skip=("schedule",)),
)
ticks = sa.Table(
    "ticks",
    meta,
    *columns_of(Tick, key=("id",)),
    sqlite_autoincrement=True,  # the id of a deleted tick is never used again
)
alarms = sa.Table("freshness_alarms", meta, *columns_of(Alarm, key=("schedule", "deadline")))
daemons = sa.Table("daemons", meta, *columns_of(Heartbeat, key=("id",)))

sa.Index("open_ticks", ticks.c.due, sqlite_where=ticks.c.outcome.is_(None))
sa.Index("ticks_of_schedules", ticks.c.schedule, ticks.c.due)
sa.Index(  # no due time has two ticks
    "scheduled_ticks",
    ticks.c.schedule,
    ticks.c.due,
    unique=True,
    sqlite_where=ticks.c.kind == "scheduled",
)


def schedule_row(schedule: Schedule) -> dict[str, Any]:
    """The columns of a schedule, without its standing."""
    return {field.name: getattr(schedule, field.name) for field in fields(schedule)}


def read_standing(row: sa.Row[Any]) -> Standing:
    """The schedule in a row of `schedules`, and its standing."""
    values = dict(row._mapping)
    schedule = Schedule(**{field.name: values[field.name] for field in fields(Schedule)})
    rest = {field.name: values[field.name] for field in fields(Standing)[1:]}
    return Standing(schedule=schedule, **rest)


def tick_row(tick: Tick) -> dict[str, Any]:
    """The columns of a tick; without an id, which the ledger assigns, if it has none yet."""
    row = {field.name: getattr(tick, field.name) for field in fields(tick)}
    return {name: value for name, value in row.items() if name != "id" or value is not None}


def read_tick(row: sa.Row[Any]) -> Tick:
    """The tick in a row of `ticks`."""
    return Tick(**row._mapping)
