"""Schedules, ticks, alarms and daemons as the ledger keeps them. Times: seconds since the epoch."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from pipeline.schedule.schedule import Schedule, Standing, Tick
from pipeline.schedule.triggers import triggers

meta = sa.MetaData()
schedules = sa.Table(
    "schedules",
    meta,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("trigger", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("folder", sa.String),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("config_file", sa.String),
    sa.Column("serving", sa.String),
    sa.Column("beam_args", sa.JSON, nullable=False),
    sa.Column("shared_filesystem", sa.Boolean, nullable=False),
    sa.Column("overlap", sa.String, nullable=False),
    sa.Column("missed", sa.String, nullable=False),
    sa.Column("grace", sa.Float, nullable=False),
    sa.Column("fresh_within", sa.Float),
    sa.Column("max_failures", sa.Integer, nullable=False),
    sa.Column("notify", sa.JSON, nullable=False),
    sa.Column("paused", sa.String),
    # Where it stands.
    sa.Column("first_due", sa.Float, nullable=False),  # earlier ticks are a removed schedule's
    sa.Column("next_due", sa.Float, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_success", sa.Float),
    sa.Column("alarmed", sa.Float),
)
ticks = sa.Table(
    "ticks",
    meta,
    sa.Column("schedule", sa.String, primary_key=True),
    sa.Column("due", sa.Float, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("outcome", sa.String),
    sa.Column("run_id", sa.String),
    sa.Column("verdict", sa.String),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("claimed", sa.Float, nullable=False),
    sa.Column("launched", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("data_key", sa.String),
    sa.Column("pushed", sa.Boolean, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("until", sa.Float),
)
open_ticks = sa.Index("open_ticks", ticks.c.due, sqlite_where=ticks.c.outcome.is_(None))
alarms = sa.Table(  # one row for each deadline that was missed
    "freshness_alarms",
    meta,
    sa.Column("schedule", sa.String, primary_key=True),
    sa.Column("deadline", sa.Float, primary_key=True),
    sa.Column("raised", sa.Float, nullable=False),
    sa.Column("cleared", sa.Float),
)
daemons = sa.Table(
    "daemons",
    meta,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)

_LISTS = ("settings", "beam_args", "notify")


def schedule_row(schedule: Schedule) -> dict[str, Any]:
    """The columns of a schedule, without where it stands."""
    row = {field.name: getattr(schedule, field.name) for field in fields(schedule)}
    row["trigger"] = triggers.to_plain(schedule.trigger)
    return row | {name: list(row[name]) for name in _LISTS}


def standing(row: sa.Row[Any]) -> Standing:
    """A row of `schedules`."""
    values = dict(row._mapping)
    del values["first_due"]
    where = {k: values.pop(k) for k in ("next_due", "failures", "last_success", "alarmed")}
    values["trigger"] = triggers.from_plain(values["trigger"])
    values |= {name: tuple(values[name]) for name in _LISTS}
    return Standing(schedule=Schedule(**values), **where)


def tick_row(tick: Tick) -> dict[str, Any]:
    """The columns of a tick."""
    return asdict(tick)


def tick(row: sa.Row[Any]) -> Tick:
    """A row of `ticks`."""
    return Tick(**row._mapping)


def same_tick(one: Tick) -> sa.ColumnElement[bool]:
    """The condition that finds the row of a tick."""
    return (
        (ticks.c.schedule == one.schedule) & (ticks.c.due == one.due) & (ticks.c.kind == one.kind)
    )
