"""Reads schedules and their ticks from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from data.errors import ConfigError, EnvironmentTrouble, suggest_names
from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.outcomes import BY_DAEMONS
from pipeline.schedule.ledger.tables import schedules, ticks
from pipeline.schedule.schedule import Standing, Tick
from pipeline.storage.database import Database

_ALL_SCHEDULES = schedules.select().order_by(schedules.c.name)
_OPEN_TICKS = (
    ticks.select()
    .where(ticks.c.outcome.is_(None), ticks.c.kind.in_(BY_DAEMONS))
    .order_by(ticks.c.due, ticks.c.id)
)
_NEWEST_FIRST = (ticks.c.due.desc(), ticks.c.id.desc())


@dataclass(frozen=True)
class Survey:
    """All schedules, and the ticks that have no outcome yet, by their due times."""

    standings: tuple[Standing, ...]
    open_ticks: tuple[Tick, ...]


class ScheduleReader(Database):
    """Reads the schedules and ticks of a root."""

    metadata = tables.meta

    def survey(self) -> Survey:
        """All schedules, and the ticks that daemons have to launch or to end.

        Raises:
            EnvironmentTrouble: the ledger cannot be used, or is missing.
        """
        if not self.path.is_file():  # SQLite would create an empty file
            raise EnvironmentTrouble(
                f"the ledger {self.path} is not there",
                follows="no ticks are launched",
                remedy="restore the file; a daemon tries again until it is there",
            )
        with self._reading() as db:
            standings = tuple(map(tables.read_standing, db.execute(_ALL_SCHEDULES)))
            return Survey(standings, tuple(map(tables.read_tick, db.execute(_OPEN_TICKS))))

    def standing(self, name: str) -> Standing:
        """A schedule and its standing. Raises ConfigError, with the close matches."""
        with self._reading() as db:
            return self._standing(db, name)

    def tick(self, tick_id: int | None) -> Tick | None:
        """The tick with this id; None if there is none."""
        return next(iter(self._read(Tick, ticks.select().where(ticks.c.id == tick_id))), None)

    def settled_keys(self, name: str) -> set[str]:
        """The data keys of the last tick that completed a run, and of the last that pushed."""
        completed = ticks.select().where(
            ticks.c.schedule == name, ticks.c.outcome == "completed", ticks.c.data_key.is_not(None)
        )
        newest = [
            query.order_by(*_NEWEST_FIRST).limit(1)
            for query in (completed, completed.where(ticks.c.pushed))
        ]
        with self._reading() as db:
            return {row.data_key for query in newest for row in db.execute(query)}

    def ticks_of(self, name: str, limit: int = 20) -> list[Tick]:
        """The latest ticks of a schedule, the newest first."""
        query = ticks.select().where(ticks.c.schedule == name).order_by(*_NEWEST_FIRST)
        return self._read(Tick, query.limit(limit))

    def history(self, name: str, limit: int = 20) -> list[Tick]:
        """As `ticks_of`. Raises ConfigError if no schedule has or had this name."""
        latest = self.ticks_of(name, limit)
        if not latest:
            self.standing(name)
        return latest

    def run_seconds(self, name: str, limit: int = 20) -> list[float]:
        """How long the latest ticks that completed a run took, from their launch on."""
        query = (
            sa.select(ticks.c.ended - ticks.c.launched)
            .where(ticks.c.schedule == name, ticks.c.outcome == "completed")
            .where(ticks.c.kind.in_(BY_DAEMONS))
            .order_by(*_NEWEST_FIRST)
            .limit(limit)
        )
        with self._reading() as db:
            return [seconds for seconds in db.execute(query).scalars() if seconds is not None]

    def _standing(self, db: sa.Connection, name: str) -> Standing:
        row = db.execute(of_name(name, schedules.select())).first()
        if row is None:
            raise self._unknown_schedule(db, name)
        return tables.read_standing(row)

    def _unknown_schedule(self, db: sa.Connection, name: str) -> ConfigError:
        names = db.execute(sa.select(schedules.c.name)).scalars()
        return ConfigError(
            f"no schedule {name!r} in {self.path.parent}",
            remedy=suggest_names(name, names),
        )


def of_name(name: str, statement: Any) -> Any:
    """Restrict a statement on schedules to the schedule of this name."""
    return statement.where(schedules.c.name == name)
