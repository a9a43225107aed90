"""Stores the heartbeats of a root's daemons, and the alarms of schedules that missed a deadline."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.tables import Alarm, alarms, daemons, schedules
from pipeline.schedule.schedule import Standing
from pipeline.storage.database import Database

_FORGET_AFTER = 30 * 86_400.0  # seconds without a heartbeat after which a daemon's row is deleted


class Watch(Database):
    """The heartbeats of daemons, and the alarms of freshness."""

    metadata = tables.meta

    def beat(self, daemon: str, now: float) -> None:
        """Record that a daemon is alive."""
        with self._writing() as db:
            statement = insert(daemons).values(id=daemon, started=now, last_seen=now)
            db.execute(statement.on_conflict_do_update(["id"], set_={"last_seen": now}))
            db.execute(daemons.delete().where(daemons.c.last_seen < now - _FORGET_AFTER))

    def last_seen(self) -> float | None:
        """The time of the last heartbeat of any daemon, in seconds since the epoch."""
        return self._read_value(sa.select(sa.func.max(daemons.c.last_seen)))

    def raise_alarm(self, standing: Standing, now: float) -> bool:
        """Record a missed deadline.

        Returns:
            False if the alarm was raised already, or a success came meanwhile.
        """
        deadline, name = standing.deadline, standing.schedule.name
        with self._writing() as db:
            update = schedules.update().where(
                schedules.c.name == name,
                schedules.c.alarmed.is_(None),
                schedules.c.last_success.is_not_distinct_from(standing.last_success),
            )
            if not db.execute(update.values(alarmed=deadline)).rowcount:
                return False
            statement = insert(alarms).values(schedule=name, deadline=deadline, raised=now)
            again = {"raised": now, "cleared": None}  # a removed schedule had the same name
            db.execute(statement.on_conflict_do_update(["schedule", "deadline"], set_=again))
            return True

    def alarms(self, name: str) -> list[Alarm]:
        """The deadlines that a schedule missed, the earliest first."""
        query = alarms.select().where(alarms.c.schedule == name).order_by(alarms.c.raised)
        return self._read(Alarm, query)
