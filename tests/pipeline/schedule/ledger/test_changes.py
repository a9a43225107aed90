"""Schedules are added, paused, resumed and removed while they tick."""

from __future__ import annotations

import collections
import tempfile
from pathlib import Path

import pytest
import schedule_world
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from data.errors import ConfigError
from pipeline.schedule.daemon.scheduler import Scheduler
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every

NAMES = st.sampled_from(["a", "b"])


class Changes(RuleBasedStateMachine):
    """The model knows only which schedules there are, since when, and their steps."""

    stories = 0  # that have come to their end

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.store, self.watch = ScheduleStore(root), Watch(root)
        self.true, self.offset, self.latest = 1_000_000.0, 0.0, 1_000_000.0
        self.jobs, self.launches = {}, collections.Counter()
        self.step = {}  # name -> (since when due times count, anchor, seconds)
        self.paused = set()
        self.run_seconds = 5.0
        self.start()

    def seconds_of_a_run(self, schedule: Schedule) -> float:
        return self.run_seconds

    def meanwhile(self) -> None:
        pass

    def just_taken(self) -> None:
        pass

    def clock(self) -> float:
        return self.true + self.offset

    @rule()
    def start(self) -> None:
        """A new daemon; the old one was killed."""
        self.scheduler = Scheduler(
            self.store,
            self.watch,
            schedule_world.FakeLauncher(self),
            clock=self.clock,
            notify=lambda notice: None,
        )

    @rule(
        name=NAMES,
        every=st.sampled_from([7, 60]),
        overlap=st.sampled_from(["skip", "queue"]),
        missed=st.sampled_from(["once", "all", "skip"]),
        grace=st.sampled_from([0.0, 20.0]),
    )
    def add(self, name, every, overlap, missed, grace) -> None:
        if name in self.step:
            return
        now = self.clock()
        schedule = Schedule(
            name=name,
            recipe="digits",
            created=now,
            trigger=Every(seconds=every),
            overlap=overlap,
            missed=missed,
            grace=grace,
        )
        before = [
            t.until or t.due for t in self.store.ticks_of(name, 10_000) if t.kind == "scheduled"
        ]
        self.store.add(schedule)
        self.step[name] = (max([now, *before]), int(now), every)

    @precondition(lambda self: self.step)
    @rule(name=NAMES, change=st.sampled_from(["pause", "resume", "remove", "trigger"]))
    def change(self, name, change) -> None:
        if name not in self.step:
            with pytest.raises(ConfigError):
                self.store.resume(name, self.clock())
            return
        if change == "pause":
            self.store.pause(name, "by hand", self.clock())
        elif change == "resume":
            self.store.resume(name, self.clock())
        elif change == "remove":
            self.store.remove(name, self.clock())
            del self.step[name]
        elif not any(t.waits and t.kind == "manual" for t in self.store.ticks_of(name, 10_000)):
            self.store.trigger(name, self.clock())

    @rule(seconds=st.sampled_from([0.5, 7.0, 45.0, 400.0]), run=st.sampled_from([1.0, 30.0]))
    def look(self, seconds, run) -> None:
        self.true += seconds
        self.run_seconds = run
        self.scheduler.look()
        self.latest = max(self.latest, self.clock())

    @rule(seconds=st.sampled_from([-100.0, 100.0]))
    def jump(self, seconds) -> None:
        self.offset += seconds

    @precondition(lambda self: self.jobs)
    @rule(end=st.sampled_from(["passed", "failed", "dies"]), data=st.data())
    def end(self, end, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.jobs)))
        tick = self.jobs.pop(name).tick
        if end != "dies":
            outcome = {"passed": "completed"}.get(end, end)
            end = self.store.finish(tick, outcome=outcome, verdict="passed", now=self.clock())
            assert end.entered

    @invariant()
    def each_due_time_is_in_one_tick(self) -> None:
        standings = {s.schedule.name: s for s in self.store.survey().standings}
        assert set(standings) == set(self.step)
        for name, (since, anchor, step) in self.step.items():
            found = self.store.ticks_of(name, 10_000)
            ticks = sorted(
                (t for t in found if t.kind == "scheduled" and t.due > since), key=lambda t: t.due
            )
            covered = [t.due + n * step for t in ticks for n in range(t.times)]
            first = anchor + step * max(1, int((since - anchor) // step) + 1)
            dues = range(int(first), int(standings[name].next_due), step)
            assert covered == [float(due) for due in dues]
            assert sum(t.outcome is None for t in ticks) <= 2
            assert sum(t.waits for t in found) <= 3

    def teardown(self) -> None:
        Changes.stories += 1
        for _ in range(5_000):
            for name in list(self.jobs):
                tick = self.jobs.pop(name).tick
                self.store.finish(tick, outcome="completed", verdict="passed", now=self.clock())
            look = self.scheduler.look()
            if not look.unfinished and not self.jobs:
                break
        self.each_due_time_is_in_one_tick()
        for name in ("a", "b"):
            assert all(t.outcome for t in self.store.ticks_of(name, 10_000))
        assert all(s.next_due > self.clock() for s in self.store.survey().standings)
        self.folder.cleanup()


@pytest.mark.slow
def test_whatever_is_changed_each_due_time_has_one_outcome():
    Changes.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
    Changes.TestCase().runTest()


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_whatever_is_changed_each_due_time_has_one_outcome_in_many_stories():
    Changes.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
    before = Changes.stories
    Changes.TestCase().runTest()
    print(f"\n{Changes.stories - before} stories of up to 50 steps")
