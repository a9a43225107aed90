"""Who looks after the schedules of a root, and which of them are overdue."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.tables import alarms, daemons, schedules
from pipeline.schedule.schedule import Standing
from pipeline.storage.database import Database

_FORGET = 30 * 86_400.0  # seconds after which a daemon that is silent is forgotten


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A deadline that passed without a success. Times: seconds since the epoch."""

    schedule: str
    deadline: float
    raised: float
    cleared: float | None = None


class Watch(Database):
    """Heartbeats of daemons, and alarms of freshness."""

    metadata = tables.meta

    def beat(self, daemon: str, now: float) -> None:
        """A daemon says that it lives."""
        row = {"id": daemon, "started": now, "seen": now}
        with self._writing() as db:
            statement = insert(daemons).values(row)
            db.execute(statement.on_conflict_do_update(["id"], set_={"seen": now}))
            db.execute(daemons.delete().where(daemons.c.seen < now - _FORGET))

    def last_seen(self) -> float | None:
        """When a daemon last said that it lives, seconds since the epoch."""
        with self._reading() as db:
            return db.execute(sa.select(sa.func.max(daemons.c.seen))).scalar()

    def raise_alarm(self, standing: Standing, now: float) -> bool:
        """Enter that the deadline passed; False: somebody has, or there was a success meanwhile."""
        deadline, name = standing.deadline, standing.schedule.name
        with self._writing() as db:
            update = schedules.update().where(
                schedules.c.name == name,
                schedules.c.alarmed.is_(None),
                schedules.c.last_success.is_not_distinct_from(standing.last_success),
            )
            if not db.execute(update.values(alarmed=deadline)).rowcount:
                return False
            row = {"schedule": name, "deadline": deadline, "raised": now}
            statement = insert(alarms).values(row)
            again = {"raised": now, "cleared": None}  # of a schedule of the same name, removed
            db.execute(statement.on_conflict_do_update(["schedule", "deadline"], set_=again))
            return True

    def alarms(self, name: str) -> list[Alarm]:
        """The deadlines that a schedule missed, the earliest first."""
        query = alarms.select().where(alarms.c.schedule == name).order_by(alarms.c.raised)
        with self._reading() as db:
            return [Alarm(**row._mapping) for row in db.execute(query)]
