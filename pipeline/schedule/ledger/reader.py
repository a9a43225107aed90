"""What the ledger says of schedules and their ticks, for those who only look."""

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

_ALL = schedules.select().order_by(schedules.c.name)
_OPEN = (
    ticks.select()
    .where(ticks.c.outcome.is_(None), ticks.c.kind.in_(BY_DAEMONS))
    .order_by(ticks.c.due)
)


@dataclass(frozen=True)
class Survey:
    """What a daemon looks at: all schedules, and the ticks without an outcome, by their due."""

    standings: tuple[Standing, ...]
    open_ticks: tuple[Tick, ...]


class ScheduleReader(Database):
    """Schedules and ticks of a root."""

    metadata = tables.meta

    def survey(self) -> Survey:
        """All schedules, and the ticks that daemons have still to deal with.

        Raises:
            EnvironmentTrouble: the ledger cannot be used, or is not there.
        """
        if not self.path.is_file():  # SQLite would make an empty one
            raise EnvironmentTrouble(f"the ledger {self.path} is not there")
        with self._reading() as db:
            standings = tuple(map(tables.standing, db.execute(_ALL)))
            return Survey(standings, tuple(map(tables.tick, db.execute(_OPEN))))

    def standing(self, name: str) -> Standing:
        """A schedule and where it stands. Raises ConfigError, with the close matches."""
        with self._reading() as db:
            return self._standing(db, name)

    def tick(self, name: str, due: float, kind: str | None = None) -> Tick | None:
        """The tick that stands for this due time, of any kind but backfill unless it is named."""
        kinds = BY_DAEMONS if kind is None else (kind,)
        query = ticks.select().where(
            ticks.c.schedule == name,
            ticks.c.kind.in_(kinds),
            ticks.c.due <= due,
            sa.func.coalesce(ticks.c.until, ticks.c.due) >= due,
        )
        with self._reading() as db:
            # one by hand may lie among those that one row stands for
            rows = [tables.tick(row) for row in db.execute(query.order_by(ticks.c.due.desc()))]
        return next((tick for tick in rows if tick.due == due), rows[0] if rows else None)

    def settled_keys(self, name: str) -> set[str]:
        """What the data was of the last tick that ran, and of the last one that pushed."""
        ran = ticks.select().where(
            ticks.c.schedule == name, ticks.c.outcome == "ran", ticks.c.data_key.is_not(None)
        )
        newest = [q.order_by(ticks.c.due.desc()).limit(1) for q in (ran, ran.where(ticks.c.pushed))]
        with self._reading() as db:
            return {row.data_key for query in newest for row in db.execute(query)}

    def ticks_of(self, name: str, limit: int = 20) -> list[Tick]:
        """The latest ticks of this name, the newest first."""
        query = ticks.select().where(ticks.c.schedule == name).order_by(ticks.c.due.desc())
        with self._reading() as db:
            return [tables.tick(row) for row in db.execute(query.limit(limit))]

    def history(self, name: str, limit: int = 20) -> list[Tick]:
        """As `ticks_of`. Raises ConfigError where no schedule has or had this name."""
        found = self.ticks_of(name, limit)
        if not found:
            self.standing(name)
        return found

    def run_seconds(self, name: str, limit: int = 20) -> list[float]:
        """How long the latest ticks that ran took, from their launch on."""
        query = (
            sa.select(ticks.c.ended - ticks.c.launched)
            .where(ticks.c.schedule == name, ticks.c.outcome == "ran")
            .where(ticks.c.kind.in_(BY_DAEMONS))
            .order_by(ticks.c.due.desc())
            .limit(limit)
        )
        with self._reading() as db:
            return [seconds for seconds in db.execute(query).scalars() if seconds is not None]

    def _standing(self, db: sa.Connection, name: str) -> Standing:
        row = db.execute(of_name(name, schedules.select())).first()
        if row is None:
            raise self._unknown(db, name)
        return tables.standing(row)

    def _unknown(self, db: sa.Connection, name: str) -> ConfigError:
        known = db.execute(sa.select(schedules.c.name)).scalars()
        return ConfigError(
            f"no schedule {name!r} in {self.path.parent}", remedy=suggest_names(name, known)
        )


def of_name(name: str, statement: Any) -> Any:
    return statement.where(schedules.c.name == name)
