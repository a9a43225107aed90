"""Changes schedules and their ticks in the ledger, so that each tick is launched once.

Each method is one transaction. A transaction that changes something begins with a write, so that
what it reads next stays true until it ends. The caller gives the time, in seconds since the epoch.
"""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.errors import ConfigError
from pipeline.schedule import due_policy
from pipeline.schedule.ledger import tables
from pipeline.schedule.ledger.outcomes import (
    Finished,
    drop_waiting,
    enter,
    enter_end,
    insert_tick,
)
from pipeline.schedule.ledger.reader import ScheduleReader, of_name
from pipeline.schedule.ledger.tables import schedules, ticks
from pipeline.schedule.schedule import Outcome, Schedule, Standing, Tick


class ScheduleStore(ScheduleReader):
    """Reads and changes the schedules and ticks of a root."""

    def add(self, schedule: Schedule) -> Standing:
        """Insert a schedule; its first tick is the first due time after `schedule.created`.

        Raises:
            ConfigError: a schedule has this name already.
        """
        row = tables.schedule_row(schedule) | {"first_due": 0.0, "next_due": 0.0, "failures": 0}
        with self._writing() as db:
            if not db.execute(insert(schedules).values(row).on_conflict_do_nothing()).rowcount:
                raise ConfigError(
                    f"there is a schedule {schedule.name!r} already",
                    remedy=f"penstock schedule remove {schedule.name}, or choose another --name",
                )
            # The ticks of a removed schedule of this name stay; none of them may be repeated.
            query = sa.select(sa.func.max(sa.func.coalesce(ticks.c.until, ticks.c.due))).where(
                ticks.c.schedule == schedule.name, ticks.c.kind == "scheduled"
            )
            last = db.execute(query).scalar() or schedule.created
            next_due = schedule.next_after(max(last, schedule.created))
            dues = {"first_due": next_due, "next_due": next_due}
            db.execute(of_name(schedule.name, schedules.update()).values(dues))
        return Standing(schedule=schedule, next_due=next_due)

    def remove(self, name: str, now: float) -> None:
        """Delete a schedule; its history stays, and a tick that is under way ends.

        Raises:
            ConfigError: there is no such schedule; with the close matches.
        """
        with self._writing() as db:
            if not db.execute(of_name(name, schedules.delete())).rowcount:
                raise self._unknown_schedule(db, name)
            drop_waiting(db, name, now, "skipped", "the schedule was removed")

    def pause(self, name: str, reason: str, now: float) -> bool:
        """Pause a schedule; ticks that wait get the outcome `paused`.

        Returns:
            Whether it was active; if not, the first reason stays.

        Raises:
            ConfigError: there is no such schedule; with the close matches.
        """
        with self._writing() as db:
            update = of_name(name, schedules.update()).where(schedules.c.paused.is_(None))
            changed = bool(db.execute(update.values(paused=reason)).rowcount)
            self._standing(db, name)
            drop_waiting(db, name, now, "paused", due_policy.PAUSED)
            return changed

    def resume(self, name: str, now: float) -> bool:
        """Resume a schedule; due times up to `now` get the outcome `paused`.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: there is no such schedule; with the close matches.
        """
        with self._writing() as db:
            update = of_name(name, schedules.update())
            db.execute(update.values(name=name))  # takes the write lock
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
        """Request a manual tick, also of a paused schedule; a daemon launches it.

        Raises:
            ConfigError: there is no such schedule, or a manual tick waits already.
        """
        with self._writing() as db:
            db.execute(of_name(name, schedules.update()).values(name=name))
            self._standing(db, name)
            waiting = ticks.select().where(
                ticks.c.schedule == name,
                ticks.c.kind == "manual",
                ticks.c.outcome.is_(None),
                ticks.c.attempts == 0,
            )
            if db.execute(waiting).first():
                raise ConfigError(
                    f"a manual tick of {name!r} waits already",
                    remedy="penstock schedule run launches it, if no daemon runs",
                )
            return insert_tick(db, Tick(schedule=name, due=now, kind="manual", claimed=now))

    def advance(self, standing: Standing, decision: due_policy.Decision) -> bool:
        """Insert a decision's ticks and move `next_due` on.

        Returns:
            False if another daemon did so, or the schedule was changed meanwhile.
        """
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

    def open(self, tick: Tick) -> Tick:
        """Insert a tick that this process works on.

        Returns:
            The tick with its id; the ledger's own tick where it has a scheduled one of that time.
        """
        same = ticks.select().where(
            ticks.c.schedule == tick.schedule,
            ticks.c.kind == "scheduled",
            ticks.c.due == tick.due,
        )
        with self._writing() as db:
            db.execute(of_name(tick.schedule, schedules.update()).values(name=tick.schedule))
            row = db.execute(same).first() if tick.kind == "scheduled" else None
            return insert_tick(db, tick) if row is None else tables.read_tick(row)

    def take(self, tick: Tick, now: float) -> bool:
        """Count a launch; the caller holds the schedule's lock.

        Returns:
            False if the tick is not to be launched: it has an outcome, or was launched meanwhile.
        """
        with self._writing() as db:
            update = ticks.update().where(
                ticks.c.id == tick.id, ticks.c.outcome.is_(None), ticks.c.attempts == tick.attempts
            )
            values = {"attempts": tick.attempts + 1, "launched": now}
            return bool(db.execute(update.values(values)).rowcount)

    def give_back(self, tick: Tick) -> None:
        """Uncount the last launch: a daemon that ended has interrupted the tick."""
        with self._writing() as db:
            update = ticks.update().where(
                ticks.c.id == tick.id, ticks.c.outcome.is_(None), ticks.c.attempts > 0
            )
            db.execute(update.values(attempts=ticks.c.attempts - 1))

    def remark(self, tick: Tick, text: str) -> None:
        """Append a text to the detail of a tick that has its outcome."""
        with self._writing() as db:
            update = ticks.update().where(ticks.c.id == tick.id)
            db.execute(update.values(detail=ticks.c.detail + sa.literal(f"; {text}")))

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
        """Record a tick's outcome, count failures, and pause the schedule after too many.

        Returns:
            What followed, for notifications. A tick keeps its first outcome.
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
