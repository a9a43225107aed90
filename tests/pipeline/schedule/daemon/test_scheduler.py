"""Single passes of the scheduler, with simulated child processes."""

from __future__ import annotations

import collections

import pytest
import schedule_world

from pipeline.schedule.daemon.scheduler import Scheduler
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every

START = 1_000_000.0


class Bench:
    """A daemon's look, and the world that `FakeLauncher` asks for."""

    def __init__(self, root, at_once: int = 2) -> None:
        self.true, self.jobs, self.launches = START, {}, collections.Counter()
        self.notices = []
        self.store = ScheduleStore(root)
        self.scheduler = Scheduler(
            self.store,
            Watch(root),
            schedule_world.FakeLauncher(self),
            clock=lambda: self.true,
            notify=self.notices.append,
            at_once=at_once,
        )

    def seconds_of_a_run(self, schedule) -> float:
        return 1.0

    def meanwhile(self) -> None:
        pass

    def just_taken(self) -> None:
        pass

    def add(self, name: str = "a", **fields) -> None:
        trigger = Every(seconds=10)
        self.store.add(Schedule(name=name, recipe="r", created=START, trigger=trigger, **fields))

    def look(self, at: float):
        self.true = START + at
        return self.scheduler.look()

    def end(self, name: str, outcome: str = "completed") -> None:
        tick = self.jobs.pop(name).tick
        self.store.finish(tick, outcome=outcome, verdict="passed", now=self.true)

    def outcomes(self, name: str = "a") -> list[str | None]:
        return [tick.outcome for tick in self.store.history(name)[::-1]]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_a_tick_that_is_due_while_the_last_runs_is_skipped(bench):
    bench.add()
    bench.look(10)
    bench.look(20)
    bench.end("a")
    bench.look(30)
    assert bench.outcomes() == ["completed", "skipped", None]


def test_of_two_due_times_in_one_pass_the_second_is_skipped_by_its_reason(bench):
    bench.add()
    bench.look(35)  # three due times, in the time of grace
    bench.look(40)
    ran, together, overlap = bench.store.history("a")[::-1]
    assert (ran.outcome, together.outcome, together.times) == (None, "skipped", 2)
    assert together.detail == "the tick before had not begun; its run counts for both"
    assert (overlap.outcome, overlap.detail) == ("skipped", "the tick before had not ended")


def test_with_overlap_queue_one_tick_waits_for_the_other(bench):
    bench.add(overlap="queue")
    for at in (10, 20, 30):
        bench.look(at)
    assert bench.outcomes() == [None, None, "skipped"]
    bench.end("a")
    bench.look(31)
    assert bench.jobs["a"].tick.due == START + 20


def test_all_that_were_missed_run_in_order(bench):
    bench.add(missed="all", grace=1.0)
    for n in range(1, 6):
        bench.look(45 + 0.1 * n)
        if bench.jobs:
            assert bench.jobs["a"].tick.due == START + 10 * n
            bench.end("a")
    assert bench.outcomes() == ["completed"] * 4


def test_no_more_child_processes_than_allowed(bench):
    for name in "abc":
        bench.add(name)
    look = bench.look(10)
    assert sorted(bench.jobs) == ["a", "b"]
    assert look.unfinished
    bench.end("a")
    bench.look(11)
    assert sorted(bench.jobs) == ["b", "c"]


def test_a_tick_whose_process_died_is_launched_three_times_in_all(bench):
    bench.add(max_failures=1)
    for n in range(3):
        bench.look(10 + n)
        del bench.jobs["a"]  # the child dies
    bench.look(13)
    assert bench.outcomes() == ["failed"]
    assert [notice.event for notice in bench.notices] == ["failed", "paused"]
    assert bench.look(20).unfinished is False
    assert bench.outcomes() == ["failed", "paused"]


def test_a_tick_whose_process_died_is_not_launched_again_while_paused(bench):
    bench.add()
    bench.look(10)
    bench.store.pause("a", "labels", bench.true)
    del bench.jobs["a"]
    bench.look(11)
    assert bench.outcomes() == ["paused"]
    assert not bench.jobs


def test_a_tick_whose_process_died_ends_when_its_schedule_is_removed(bench):
    bench.add()
    bench.look(10)
    bench.store.remove("a", bench.true)
    del bench.jobs["a"]
    bench.look(11)
    assert bench.outcomes() == ["skipped"]


def test_a_manual_tick_runs_though_the_schedule_is_paused(bench):
    bench.add()
    bench.store.pause("a", "labels", bench.true)
    bench.store.trigger("a", bench.true)
    bench.look(1)
    bench.end("a")
    assert bench.outcomes() == ["completed"]


def test_the_freshness_alarm_notifies_once_and_again_after_a_success(bench):
    bench.add(fresh_within=25.0, max_failures=0)
    for at in (10, 20, 25):
        bench.look(at)
    assert bench.notices == []  # on the deadline itself it is not late
    bench.look(25.1)
    bench.look(29)
    assert [notice.event for notice in bench.notices] == ["stale"]
    bench.end("a")
    bench.look(29 + 25.1)
    assert [notice.event for notice in bench.notices] == ["stale", "stale"]


def test_a_clock_that_goes_back_repeats_nothing(bench):
    bench.add()
    bench.look(10)
    bench.end("a")
    for at in (-86_400, 5, 10, 19):
        assert not bench.look(at).unfinished
    assert bench.outcomes() == ["completed"]


def test_nothing_is_taken_that_is_due_after_the_end(bench):
    bench.add()
    bench.true = START + 35
    look = bench.scheduler.look(until=START + 15)
    assert bench.jobs["a"].tick.due == START + 10
    assert look.next_due == START + 10 or look.unfinished
    assert bench.store.standing("a").next_due == START + 20
