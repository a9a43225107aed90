"""The schedules of a root and their ticks, in its ledger. Whoever looks, each tick is taken once.

Each method is one transaction; those that change something begin with a write, so that what they
read next is still true when they end. The time is always given, in seconds since the epoch.
"""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.errors import ConfigError
from pipeline.schedule import due_policy
from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.outcomes import Finished, drop_waiting, enter, enter_end
from pipeline.schedule.ledger.reader import ScheduleReader, of_name
from pipeline.schedule.ledger.tables import schedules, ticks
from pipeline.schedule.schedule import Outcome, Schedule, Standing, Tick


class ScheduleStore(ScheduleReader):
    """Schedules and ticks of a root."""

    def add(self, schedule: Schedule) -> Standing:
        """Enter a schedule; the first tick is the first due time after `schedule.created`.

        Raises:
            ConfigError: there is one of this name.
        """
        row = tables.schedule_row(schedule) | {"first_due": 0.0, "next_due": 0.0, "failures": 0}
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
            dues = {"first_due": next_due, "next_due": next_due}
            db.execute(of_name(schedule.name, schedules.update()).values(dues))
        return Standing(schedule=schedule, next_due=next_due)

    def remove(self, name: str, now: float) -> None:
        """Forget a schedule; its history stays, and a tick that is under way ends.

        Raises:
            ConfigError: there is none, with the close matches.
        """
        with self._writing() as db:
            if not db.execute(of_name(name, schedules.delete())).rowcount:
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
            update = of_name(name, schedules.update()).where(schedules.c.paused.is_(None))
            changed = bool(db.execute(update.values(paused=reason)).rowcount)
            self._standing(db, name)
            drop_waiting(db, name, now, "paused", due_policy.PAUSED)
            return changed

    def resume(self, name: str, now: float) -> bool:
        """Go on with the first due time after `now`; those up to it are entered as paused.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: there is no such schedule, with the close matches.
        """
        with self._writing() as db:
            update = of_name(name, schedules.update())
            db.execute(update.values(name=name))  # from here on nobody else writes
            standing = self._standing(db, name)
            if standing.schedule.paused is None:
                return False
            decision = due_policy.decide(standing.schedule, standing.next_due, now, ahead=0)
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
            db.execute(of_name(name, schedules.update()).values(name=name))
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

    def advance(self, standing: Standing, decision: due_policy.Decision) -> bool:
        """Enter a decision's ticks and move on; False: somebody else did, or it was changed."""
        with self._writing() as db:
            update = of_name(standing.schedule.name, schedules.update()).where(
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

    def remark(self, tick: Tick, words: str) -> None:
        """Add words to what is known of a tick that has its outcome."""
        with self._writing() as db:
            update = ticks.update().where(tables.same_tick(tick))
            db.execute(update.values(detail=ticks.c.detail + sa.literal(f"; {words}")))

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
