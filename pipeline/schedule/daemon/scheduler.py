"""Makes passes over all schedules: decides what is due, and launches ticks or ends them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.schedule import due_policy
from pipeline.schedule.daemon.launcher import Launcher
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.reader import Survey
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import ATTEMPTS, Notice, Outcome, Schedule, Standing, Tick

_log = logging.getLogger("penstock.schedule")


@dataclass(frozen=True)
class Look:
    """The result of a pass: the next due time, and whether work is left."""

    next_due: float | None  # seconds since the epoch
    unfinished: bool


class Scheduler:
    """Makes passes over the schedules; the process may die between any two calls.

    Args:
        store: the schedules and their ticks.
        watch: the alarms.
        launcher: starts the work on ticks.
        clock: seconds since the epoch.
        notify: is called with each notice; must not raise.
        at_once: maximum number of child processes.
    """

    def __init__(
        self,
        store: ScheduleStore,
        watch: Watch,
        launcher: Launcher,
        *,
        clock: Callable[[], float],
        notify: Callable[[Notice], None],
        at_once: int = 2,
    ) -> None:
        self._store = store
        self._watch = watch
        self._launcher = launcher
        self._clock = clock
        self._notify = notify
        self._at_once = at_once

    def look(self, until: float | None = None) -> Look:
        """Make one pass; due times after `until` are ignored.

        Raises:
            EnvironmentTrouble: the ledger or the root cannot be used; try again later.
        """
        now = self._clock()
        horizon = now if until is None else min(now, until)
        survey = self._store.survey()
        changed = [self._decide(standing, survey, horizon) for standing in survey.standings]
        if any(changed):
            survey = self._store.survey()
        by_name = {s.schedule.name: s.schedule for s in survey.standings}
        for tick in survey.open_ticks:
            self._launch_or_end(tick, by_name.get(tick.schedule), now)
        for standing in survey.standings:
            self._watch_freshness(standing, now)
        return self._summarize(survey, horizon)

    def _decide(self, standing: Standing, survey: Survey, horizon: float) -> bool:
        """Insert ticks for a schedule's due times. Returns whether there were any."""
        if standing.next_due > horizon:
            return False
        schedule = standing.schedule
        waiting = [tick.waits for tick in survey.open_ticks if tick.schedule == schedule.name]
        ahead = len(waiting) or self._launcher.is_running(schedule.name)  # a backfill
        begun = not all(waiting) if waiting else bool(ahead)
        while decision := due_policy.decide(
            schedule, standing.next_due, horizon, ahead=ahead, begun=begun
        ):
            if not self._store.advance(standing, decision):
                break  # another daemon or a command changed the schedule
            standing = dataclasses.replace(standing, next_due=decision.next_due)
            for tick in decision.ticks:
                ahead += tick.outcome is None
                if tick.outcome:
                    _log.info("%s: %s, %s", *_describe(tick), tick.detail)
        return True

    def _launch_or_end(self, tick: Tick, schedule: Schedule | None, now: float) -> None:
        """Launch a tick that waits or whose process died, or end it if it is not to run."""
        if self._launcher.is_running(tick.schedule):
            return
        if schedule is None:
            self._end(tick, None, "skipped", "the schedule was removed", now)
        elif schedule.paused is not None and tick.kind == "scheduled":
            self._end(tick, schedule, "paused", due_policy.PAUSED, now)
        elif tick.attempts >= ATTEMPTS:
            why = f"its process ended {tick.attempts} times without an outcome"
            self._end(tick, schedule, "failed", why, now)
        elif self._launcher.children() < self._at_once and self._launcher.launch(
            schedule, tick, lambda: self._store.take(tick, self._clock())
        ):
            again = f", attempt {tick.attempts + 1}" if tick.attempts else ""
            _log.info("%s: launched, %.1f s late%s", tick.schedule, now - tick.due, again)

    def _end(
        self, tick: Tick, schedule: Schedule | None, outcome: Outcome, detail: str, now: float
    ) -> None:
        finished = self._store.finish(tick, outcome=outcome, detail=detail, now=now)
        if not finished.entered or schedule is None:
            return
        _log.log(
            logging.ERROR if outcome == "failed" else logging.INFO,
            "%s: %s, %s",
            tick.schedule,
            outcome,
            detail,
        )
        if outcome == "failed":
            self._notify(Notice(event="failed", schedule=schedule, reason=detail, tick=tick))
        if finished.paused:
            _log.error("%s: paused itself, %s", tick.schedule, finished.paused)
            self._notify(
                Notice(event="paused", schedule=schedule, reason=finished.paused, tick=tick)
            )

    def _watch_freshness(self, standing: Standing, now: float) -> None:
        deadline, schedule = standing.deadline, standing.schedule
        if deadline is None or standing.alarmed is not None or now <= deadline:
            return
        if self._watch.raise_alarm(standing, now):
            reason = f"no success within {schedule.fresh_within:.0f} s"
            _log.error("%s: stale, %s", schedule.name, reason)
            self._notify(Notice(event="stale", schedule=schedule, reason=reason))

    def _summarize(self, survey: Survey, horizon: float) -> Look:
        dues = [s.next_due for s in survey.standings]
        elsewhere = self._launcher.children() == 0 and all(
            self._launcher.is_running(tick.schedule) for tick in survey.open_ticks
        )
        overdue = any(due <= horizon for due in dues)
        return Look(min(dues, default=None), not elsewhere or overdue)


def _describe(tick: Tick) -> tuple[str, str]:
    times = f" ({tick.times} due times)" if tick.times > 1 else ""
    return tick.schedule, f"{tick.outcome}{times}"
