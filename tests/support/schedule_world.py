"""Simulate a world for schedules: a clock that jumps, daemons that die, slow children.

The ledger is real, and so are Scheduler, ScheduleStore and Watch; only time and processes are made
up. What must hold is checked against oracles that share no code with them.
"""

from __future__ import annotations

import collections
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from data.errors import EnvironmentTrouble
from pipeline.schedule.daemon.scheduler import Scheduler
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Notice, Schedule, Tick
from pipeline.schedule.triggers.cron import Cron

HOUR, DAY = 3_600.0, 86_400.0


def cron_oracle(expression: str, tz: str, start: float, end: float) -> list[float]:
    """The due times in (start, end], minute by minute, as Debian's cron has them.

    For minutes and hours of digits, `*`, `*/n`, lists and ranges; other fields are `*` or digits.
    """
    minute, hour, day, month, weekday = expression.split()
    fixed = not minute.startswith("*") and not hour.startswith("*")
    minutes, hours = _values(minute, 60), _values(hour, 24)
    days, months, weekdays = _values(day, 32), _values(month, 13), _values(weekday, 7)

    def matches(wall: datetime) -> bool:
        return (
            wall.minute in minutes
            and wall.hour in hours
            and wall.day in days
            and wall.month in months
            and wall.isoweekday() % 7 in weekdays
        )

    zone, found, before = ZoneInfo(tz), [], None
    at = start - start % 60
    while at <= end:
        local = datetime.fromtimestamp(at, zone)
        wall = local.replace(tzinfo=None, fold=0)
        due = matches(wall) and not (fixed and local.fold)
        if fixed and before is not None:
            lost = before + timedelta(minutes=1)
            while lost < wall:  # the minutes that this day lacks
                due = due or matches(lost)
                lost += timedelta(minutes=1)
        if due and at > start:
            found.append(at)
        before, at = wall, at + 60
    return found


def _values(text: str, end: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", str(end - 1)) if span == "*" else span.partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


@dataclass
class Job:
    """A child at work; it holds the lock of its schedule."""

    tick: Tick
    end: float  # true time


class Killed(Exception):
    """A daemon dies within a look."""


class FakeLauncher:
    """Children of one daemon; the locks are the world's, as flocks are the machine's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mine: list[Job] = []

    def launch(self, schedule: Schedule, tick: Tick, take: Callable[[], bool]) -> bool:
        if tick.schedule in self.world.jobs or not take():
            return False
        assert tick.outcome is None
        assert schedule.paused is None or tick.kind == "manual"
        self.world.launches[tick.id] += 1
        self.world.just_taken()
        job = Job(tick, self.world.true + self.world.seconds_of_a_run(schedule))
        self.world.jobs[tick.schedule] = job
        self.mine.append(job)
        return True

    def is_running(self, name: str) -> bool:
        self.world.meanwhile()
        return name in self.world.jobs

    def children(self) -> int:
        return sum(job in self.mine for job in self.world.jobs.values())

    def ended(self) -> list[tuple[Tick, int]]:
        return []


@dataclass
class Freshness:
    """What the alarms of a schedule must be, by the successes and the looks alone."""

    base: float
    within: float
    stale: bool = False
    raised: list[float] = field(default_factory=list)

    def looked(self, now: float) -> None:
        if not self.stale and now > self.base + self.within:
            self.stale = True
            self.raised.append(self.base + self.within)

    def success(self, now: float) -> None:
        self.base, self.stale = now, False


class World:
    """Runs schedules until so many ticks have been counted.

    Args:
        root: of the ledger.
        schedules: entered at the beginning; the simulated time begins with their `created`.
        seed: of all that happens.
    """

    def __init__(self, root: Path, schedules: list[Schedule], seed: int) -> None:
        self.random = random.Random(seed)
        self.true = max(s.created for s in schedules)  # goes forward only
        self.offset = 0.0  # the clock's
        self.root = root
        self.store, self.watch = ScheduleStore(root), Watch(root)
        self.jobs: dict[str, Job] = {}
        self.launches: collections.Counter[int | None] = collections.Counter()
        self.events: collections.Counter[str] = collections.Counter()
        self.notices: list[Notice] = []
        self.schedules = {s.name: s for s in schedules}
        self.fresh = {
            s.name: Freshness(s.created, s.fresh_within) for s in schedules if s.fresh_within
        }
        for schedule in schedules:
            self.store.add(schedule)
        self.daemons: list[Scheduler] = []
        self.latest = self.clock()  # the latest time at which anybody looked
        self.away = False
        self.peace = False  # nothing goes wrong any more
        self.looking: Scheduler | None = None
        self.todo: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.start_daemon()
        self.at(self._gap(), self._mishap)

    def clock(self) -> float:
        return self.true + self.offset

    def at(self, later: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self.todo, (self.true + later, self._count, what))

    # What happens.

    def seconds_of_a_run(self, schedule: Schedule) -> float:
        """Mostly minutes; sometimes longer than the schedule's period."""
        return self.random.choice(
            (20.0, 300.0, 1_500.0, 2 * HOUR, self.random.uniform(1, 30) * HOUR)
        )

    def start_daemon(self) -> None:
        self.daemons.append(
            Scheduler(
                self.store,
                self.watch,
                FakeLauncher(self),
                clock=self.clock,
                notify=self.notices.append,
                at_once=3,
            )
        )

    def meanwhile(self) -> None:
        """In the midst of a look of one daemon another looks."""
        others = [d for d in self.daemons if d is not self.looking]
        if self.looking and others and self.random.random() < 0.02:
            looking, self.looking = self.looking, None
            self.events["meanwhile"] += 1
            self._look(others[0])
            self.looking = looking

    def just_taken(self) -> None:
        """A daemon may die after it has taken a tick and before it has launched it."""
        if not self.peace and self.random.random() < 0.02:
            self.events["killed while launching"] += 1
            raise Killed

    def _gap(self) -> float:
        return self.random.expovariate(1 / (2 * DAY))

    def _mishap(self) -> None:
        kind = self.random.choice(
            ("kill", "kill all", "reboot", "second", "jump", "jump", "away", "resume", "by hand")
        )
        self.events[kind] += 1
        getattr(self, f"_{kind.replace(' ', '_')}")()
        self.at(self._gap(), self._mishap)

    def _kill(self) -> None:
        """One daemon dies, its children live."""
        if self.daemons:
            self.daemons.pop(self.random.randrange(len(self.daemons)))
            self.at(self.random.choice((1.0, 600.0, 5 * HOUR, 3 * DAY)), self.start_daemon)

    def _kill_all(self) -> None:
        while self.daemons:
            self._kill()

    def _reboot(self) -> None:
        self.jobs.clear()
        self._kill_all()

    def _second(self) -> None:
        if len(self.daemons) < 2:
            self.start_daemon()

    def _jump(self) -> None:
        self.offset += self.random.choice((-HOUR, HOUR, -DAY, DAY))

    def _away(self) -> None:
        if not self.away:
            self.away = True
            self.store.path.rename(self.root / "elsewhere")
            self.at(self.random.choice((60.0, HOUR, 20 * HOUR)), self._back)

    def _back(self) -> None:
        (self.root / "elsewhere").rename(self.store.path)
        self.away = False

    def _resume(self) -> None:
        if not self.away:
            for standing in self.store.survey().standings:
                self.store.resume(standing.schedule.name, self.clock())

    def _by_hand(self) -> None:
        if not self.away:
            name = self.random.choice(sorted(self.schedules))
            waiting = [t for t in self.store.survey().open_ticks if t.kind == "manual" and t.waits]
            if not any(t.schedule == name for t in waiting):
                self.store.trigger(name, self.clock())

    def _end(self, name: str) -> None:
        """A child ends: it says how, or dies; one that cannot reach the ledger dies."""
        job = self.jobs[name]
        outcome = self.random.choices(
            ("passed", "nothing new", "verdict", "failed", "dies"), (60, 15, 8, 8, 9)
        )[0]
        if outcome != "dies" and not self.away:
            entered = self.store.finish(
                job.tick,
                outcome="completed" if outcome in ("passed", "verdict") else outcome,
                verdict={"passed": "passed", "verdict": "failed"}.get(outcome),
                now=self.clock(),
            ).entered
            assert entered
            if outcome == "passed" and name in self.fresh:
                self.fresh[name].success(self.clock())
        del self.jobs[name]

    # The simulation.

    def run(self, ticks: int) -> None:
        """Until so many due times have an outcome, then in peace until all have one."""
        while self.counted() < ticks:
            for _ in range(50):
                self.step()
        self.peace = True
        self.todo = [entry for entry in self.todo if entry[2] == self._back]
        while self.todo:
            self.step()
        if not self.daemons:
            self.start_daemon()
        while self.jobs or self.behind():
            self.step()

    def counted(self) -> int:
        return 0 if self.away else sum(t.times for t in self.all_ticks())

    def behind(self) -> bool:
        survey = self.store.survey()
        return bool(survey.open_ticks) or any(s.next_due <= self.latest for s in survey.standings)

    def step(self) -> None:
        """On to whatever comes next, and let all daemons look."""
        times = [job.end for job in self.jobs.values()] + [entry[0] for entry in self.todo[:1]]
        if self.daemons and not self.away:
            for standing in self.store.survey().standings:
                times.append(standing.next_due - self.offset)
                if standing.deadline is not None and standing.alarmed is None:
                    times.append(standing.deadline - self.offset + 0.001)
        coming = [time for time in times if time > self.true]
        self.true = max(self.true, min(coming, default=self.true + 60))
        for name in [n for n, job in self.jobs.items() if job.end <= self.true]:
            self._end(name)
        while self.todo and self.todo[0][0] <= self.true:
            heapq.heappop(self.todo)[2]()
        for daemon in self.random.sample(self.daemons, len(self.daemons)):
            if daemon in self.daemons:
                self.looking = daemon
                self._look(daemon)
                self.looking = None

    def _look(self, daemon: Scheduler) -> None:
        try:
            daemon.look()
        except EnvironmentTrouble:
            assert self.away
            return
        except Killed:
            self.daemons.remove(daemon)
            self.at(60.0, self.start_daemon)
            return
        assert not self.away
        self.latest = max(self.latest, self.clock())
        for fresh in self.fresh.values():
            fresh.looked(self.clock())

    # What must hold.

    def all_ticks(self) -> list[Tick]:
        return [t for name in self.schedules for t in self.store.ticks_of(name, 1_000_000)]

    def oracle(self, schedule: Schedule, end: float) -> list[float]:
        """The due times up to `end`, by another way than the triggers'."""
        trigger = schedule.trigger
        if isinstance(trigger, Cron):
            return cron_oracle(trigger.expression, trigger.tz, schedule.created, end)
        step = getattr(trigger, "seconds", None) or trigger.check_every
        count = int((end - int(schedule.created)) // step)
        return [int(schedule.created) + n * step for n in range(1, count + 1)]

    def check(self) -> collections.Counter[str]:
        """Raises AssertionError on any violation. Returns the due times by outcome."""
        counts: collections.Counter[str] = collections.Counter()
        standings = {s.schedule.name: s for s in self.store.survey().standings}
        for name, schedule in self.schedules.items():
            found = self.store.ticks_of(name, 1_000_000)
            dues = self.oracle(schedule, standings[name].next_due - 0.5)
            assert standings[name].next_due > self.latest
            self._check_coverage([t for t in found if t.kind == "scheduled"], dues)
            for tick in found:
                assert tick.outcome is not None
                assert tick.attempts == self.launches[tick.id] <= 3
                if tick.outcome in ("completed", "nothing new"):
                    assert tick.attempts > 0
                counts[
                    tick.outcome if tick.kind == "scheduled" else f"{tick.outcome} manually"
                ] += tick.times
            if name in self.fresh:
                assert [a.deadline for a in self.watch.alarms(name)] == self.fresh[name].raised
                told = [n for n in self.notices if n.event == "stale" and n.schedule.name == name]
                assert len(told) == len(self.fresh[name].raised)
                counts["alarm"] += len(told)
        return counts

    @staticmethod
    def _check_coverage(ticks: list[Tick], dues: list[float]) -> None:
        """Each due time is in exactly one tick."""
        left = collections.deque(dues)
        for tick in sorted(ticks, key=lambda t: t.due):
            covered = [left.popleft()]
            while left and tick.until is not None and left[0] <= tick.until:
                covered.append(left.popleft())
            assert covered[0] == tick.due
            assert len(covered) == tick.times
            assert covered[-1] == (tick.until or tick.due)
        assert not left


def start_of(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()
