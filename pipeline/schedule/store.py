"""The schedules of a root and their ticks, in its ledger. Whoever looks, each tick is taken once.

Each method is one transaction; those that change something begin with a write, so that what they
read next is still true when they end. The time is always given, in seconds since the epoch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.errors import ConfigError, EnvironmentTrouble, did_you_mean
from pipeline.database import Database
from pipeline.schedule import policy, tables
from pipeline.schedule.endings import BY_DAEMONS, Finished, drop_waiting, enter, enter_end
from pipeline.schedule.schedules import Outcome, Schedule, Standing, Tick
from pipeline.schedule.tables import schedules, ticks

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


class ScheduleStore(Database):
    """Schedules and ticks of a root."""

    metadata = tables.meta

    def add(self, schedule: Schedule) -> Standing:
        """Enter a schedule; the first tick is the first due time after `schedule.created`.

        Raises:
            ConfigError: there is one of this name.
        """
        row = tables.schedule_row(schedule) | {"next_due": 0.0, "failures": 0}
        with self._writing() as db:
            if not db.execute(insert(schedules).values(row).on_conflict_do_nothing()).rowcount:
                raise ConfigError(
                    f"there is a schedule {schedule.name!r} already",
                    remedy=f"penstock schedule remove {schedule.name}, or choose another --name",
                )
            # A removed schedule's ticks stay: none of them may come again.
            query = sa.select(sa.func.max(sa.func.coalesce(ticks.c.until, ticks.c.due))).where(
                ticks.c.schedule == schedule.name, ticks.c.kind == "due"
            )
            last = db.execute(query).scalar() or schedule.created
            next_due = schedule.next_after(max(last, schedule.created))
            db.execute(_of(schedule.name, schedules.update()).values(next_due=next_due))
        return Standing(schedule=schedule, next_due=next_due)

    def remove(self, name: str, now: float) -> None:
        """Forget a schedule; its history stays, and a tick that is under way ends.

        Raises:
            ConfigError: there is none, with the close matches.
        """
        with self._writing() as db:
            if not db.execute(_of(name, schedules.delete())).rowcount:
                raise self._unknown(db, name)
            drop_waiting(db, name, now, "skipped", "the schedule was removed")

    def pause(self, name: str, reason: str, now: float) -> bool:
        """Let nothing be launched by the clock; ticks that wait are entered as paused.

        Returns:
            Whether it ran until now; the first reason stays.

        Raises:
            ConfigError: there is no such schedule, with the close matches.
        """
        with self._writing() as db:
            update = _of(name, schedules.update()).where(schedules.c.paused.is_(None))
            changed = bool(db.execute(update.values(paused=reason)).rowcount)
            self._standing(db, name)
            drop_waiting(db, name, now, "paused", policy.PAUSED)
            return changed

    def resume(self, name: str, now: float) -> bool:
        """Go on with the first due time after `now`; those up to it are entered as paused.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: there is no such schedule, with the close matches.
        """
        with self._writing() as db:
            update = _of(name, schedules.update())
            db.execute(update.values(name=name))  # from here on nobody else writes
            standing = self._standing(db, name)
            if standing.schedule.paused is None:
                return False
            decision = policy.decide(standing.schedule, standing.next_due, now, ahead=0)
            for tick in decision.ticks if decision else ():
                enter(db, tick)
            next_due = decision.next_due if decision else standing.next_due
            db.execute(update.values(paused=None, failures=0, next_due=next_due))
            return True

    def trigger(self, name: str, now: float) -> Tick:
        """Ask for a tick now, be the schedule paused or not; a daemon takes it up.

        Raises:
            ConfigError: there is no such schedule, or such a tick waits already.
        """
        with self._writing() as db:
            db.execute(_of(name, schedules.update()).values(name=name))
            schedule = self._standing(db, name).schedule
            mine = ticks.c.schedule == name
            query = mine & (ticks.c.kind == "by hand") & ticks.c.outcome.is_(None)
            if db.execute(ticks.select().where(query, ticks.c.attempts == 0)).first():
                raise ConfigError(
                    f"a tick of {name!r} by hand waits already",
                    remedy="penstock schedule run takes it up, if no daemon runs",
                )
            same = ticks.select().where(mine, ticks.c.due == sa.bindparam("now"))
            # A child knows its tick by the due time alone.
            while (
                schedule.next_after(now - 0.0005) == now or db.execute(same, {"now": now}).first()
            ):
                now += 0.001
            tick = Tick(schedule=name, due=now, kind="by hand", claimed=now)
            enter(db, tick)
            return tick

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

    def advance(self, standing: Standing, decision: policy.Decision) -> bool:
        """Enter a decision's ticks and move on; False: somebody else did, or it was changed."""
        with self._writing() as db:
            update = _of(standing.schedule.name, schedules.update()).where(
                schedules.c.next_due == standing.next_due,
                schedules.c.created == standing.schedule.created,
                schedules.c.paused.is_(None)
                if standing.schedule.paused is None
                else schedules.c.paused.is_not(None),
            )
            if not db.execute(update.values(next_due=decision.next_due)).rowcount:
                return False
            for tick in decision.ticks:
                enter(db, tick)
            return True

    def open(self, tick: Tick) -> bool:
        """Enter a tick, such as one of a backfill; False: it is there already."""
        with self._writing() as db:
            row = tables.tick_row(tick)
            return bool(db.execute(insert(ticks).values(row).on_conflict_do_nothing()).rowcount)

    def take(self, tick: Tick, now: float) -> bool:
        """Count a launch, by one who holds the schedule's lock; False: it is not to be launched."""
        with self._writing() as db:
            update = ticks.update().where(
                tables.same_tick(tick),
                ticks.c.outcome.is_(None),
                ticks.c.attempts == tick.attempts,
            )
            values = {"attempts": tick.attempts + 1, "launched": now}
            return bool(db.execute(update.values(values)).rowcount)

    def give_back(self, tick: Tick) -> None:
        """Forget the last launch: a daemon that ended interrupted it, which is no fault of it."""
        with self._writing() as db:
            update = ticks.update().where(
                tables.same_tick(tick), ticks.c.outcome.is_(None), ticks.c.attempts > 0
            )
            db.execute(update.values(attempts=ticks.c.attempts - 1))

    def finish(
        self,
        tick: Tick,
        *,
        outcome: Outcome,
        now: float,
        run_id: str | None = None,
        verdict: str | None = None,
        detail: str = "",
        data_key: str | None = None,
        pushed: bool = False,
    ) -> Finished:
        """Enter what came of a tick, count failures, and pause the schedule after too many.

        Returns:
            What followed from it, so that somebody can be told. A tick keeps the first outcome.
        """
        with self._writing() as db:
            ended = dataclasses.replace(
                tick,
                outcome=outcome,
                ended=now,
                run_id=run_id,
                verdict=verdict,
                detail=detail,
                data_key=data_key,
                pushed=pushed,
            )
            return enter_end(db, ended)

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

    def remark(self, tick: Tick, words: str) -> None:
        """Add words to what is known of a tick that has its outcome."""
        with self._writing() as db:
            update = ticks.update().where(tables.same_tick(tick))
            db.execute(update.values(detail=ticks.c.detail + sa.literal(f"; {words}")))

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
        row = db.execute(_of(name, schedules.select())).first()
        if row is None:
            raise self._unknown(db, name)
        return tables.standing(row)

    def _unknown(self, db: sa.Connection, name: str) -> ConfigError:
        known = db.execute(sa.select(schedules.c.name)).scalars()
        return ConfigError(
            f"no schedule {name!r} in {self.path.parent}", remedy=did_you_mean(name, known)
        )


def _of(name: str, statement: Any) -> Any:
    return statement.where(schedules.c.name == name)
