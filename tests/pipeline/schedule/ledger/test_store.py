from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from data.errors import ConfigError, EnvironmentTrouble
from pipeline.schedule import due_policy
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.outcomes import insert_tick
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData

START = 1_000_000.0


def schedule(name: str = "nightly", **fields) -> Schedule:
    return Schedule(
        name=name,
        recipe="digits",
        created=START,
        **{"trigger": Every(seconds=10), **fields},
    )


@pytest.fixture
def store(tmp_path) -> ScheduleStore:
    return ScheduleStore(tmp_path)


def claimed(store: ScheduleStore, now: float, name: str = "nightly") -> Tick:
    """The tick that is due, taken and launched."""
    standing = store.standing(name)
    decision = due_policy.decide(standing.schedule, standing.next_due, now, ahead=0)
    assert decision
    assert store.advance(standing, decision)
    tick = tick_at(store, decision.ticks[-1].due, name)
    assert store.take(tick, now)
    return store.tick(tick.id)


def tick_at(store: ScheduleStore, due: float, name: str = "nightly") -> Tick:
    """The only scheduled tick whose row stands for this due time."""
    ticks = [tick for tick in store.ticks_of(name, 1_000) if tick.kind == "scheduled"]
    (tick,) = [tick for tick in ticks if tick.due <= due <= (tick.until or tick.due)]
    return tick


def finished(store: ScheduleStore, now: float, outcome: str, **facts):
    return store.finish(claimed(store, now), outcome=outcome, now=now + 1, **facts)


def test_a_schedule_comes_back_as_it_was_entered(store):
    one = schedule(
        trigger=Cron(expression="0 3 * * *", tz="Asia/Kolkata"),
        folder="/work",
        settings=("train.epochs=3",),
        config_file="/a.toml",
        serving="/serving",
        beam_args=("--runner=FlinkRunner",),
        overlap="queue",
        missed="all",
        grace=1.5,
        fresh_within=99.0,
        max_failures=0,
        notify=("command:tell",),
    )
    store.add(one)
    assert store.standing("nightly").schedule == one
    assert store.standing("nightly").deadline == START + 99


def test_a_tick_is_taken_once_whoever_looks(store, tmp_path):
    store.add(schedule())
    standing = store.standing("nightly")
    decision = due_policy.decide(standing.schedule, standing.next_due, START + 10, ahead=0)
    barrier, won = threading.Barrier(8), []

    def look() -> None:
        mine = ScheduleStore(tmp_path)
        barrier.wait()
        advanced = mine.advance(standing, decision)
        tick = dataclasses.replace(tick_at(mine, START + 10), attempts=0)
        won.append((advanced, mine.take(tick, START + 10)))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sum(column) for column in zip(*won, strict=True)] == [1, 1]
    assert tick_at(store, START + 10).attempts == 1


def test_a_tick_keeps_its_first_outcome(store):
    store.add(schedule())
    tick = claimed(store, START + 10)
    facts = {"run_id": "r1", "verdict": "passed", "data_key": "k", "pushed": True}
    assert store.finish(tick, outcome="completed", now=START + 12, detail="well", **facts).entered
    assert not store.finish(tick, outcome="failed", now=START + 13).entered
    found = tick_at(store, START + 10)
    assert (found.outcome, found.detail, found.ended, found.attempts) == (
        "completed",
        "well",
        START + 12,
        1,
    )
    assert {name: getattr(found, name) for name in facts} == facts
    assert not store.take(found, START + 14)
    assert store.run_seconds("nightly") == [2.0]


@pytest.mark.parametrize(
    ("ends", "failures", "paused"),
    [
        ([("failed", None)] * 2, 2, False),
        ([("failed", None)] * 3, 3, True),
        ([("failed", None), ("completed", "failed"), ("completed", "not configured")], 3, True),
        ([("failed", None)] * 2 + [("nothing new", None)] + [("failed", None)], 3, True),
        ([("failed", None)] * 2 + [("completed", "passed")] + [("failed", None)] * 2, 2, False),
        ([("failed", None)] * 2 + [("completed", None)], 0, False),  # a pipeline without a judge
    ],
)
def test_failures_in_a_row_pause_a_schedule(store, ends, failures, paused):
    store.add(schedule())
    for n, (outcome, verdict) in enumerate(ends, 1):
        end = finished(store, START + 10 * n, outcome, verdict=verdict, detail="why")
    assert (end.failures, end.paused is not None) == (failures, paused)
    standing = store.standing("nightly")
    assert standing.failures == failures
    assert standing.schedule.paused == end.paused
    if paused:
        assert end.paused == "3 ticks in a row without success: why"
        assert store.resume("nightly", START + 95)
        assert store.standing("nightly").failures == 0
        assert store.standing("nightly").next_due == START + 100
        assert tick_at(store, START + 90).outcome == "paused"


def test_with_no_bound_failures_never_pause(store):
    store.add(schedule(max_failures=0))
    for n in range(1, 6):
        assert finished(store, START + 10 * n, "failed").paused is None
    assert finished(store, START + 60, "completed", verdict="passed").recovered


def test_a_backfill_counts_neither_as_failure_nor_as_success(store):
    store.add(schedule(fresh_within=5.0))
    tick = Tick(schedule="nightly", due=START - 50, kind="backfill", claimed=START, attempts=1)
    tick = store.open(tick)
    assert store.survey().open_ticks == ()
    end = store.finish(tick, outcome="completed", verdict="passed", now=START + 1)
    assert end.entered
    assert store.standing("nightly").last_success is None
    assert store.tick(tick.id).outcome == "completed"


def test_a_tick_that_another_scheduler_starts_is_entered_once(store):
    store.add(schedule())
    tick = Tick(schedule="nightly", due=START + 10, claimed=START + 10, attempts=1)
    first, second = store.open(tick), store.open(tick)
    assert first == second == store.tick(first.id)
    with pytest.raises(sa.exc.IntegrityError), store._writing() as db:
        insert_tick(db, tick)


def test_the_number_of_a_tick_is_never_used_again(store):
    store.add(schedule(trigger=NewData(check_every=10)))
    numbers = []
    for n in range(1, 4):
        tick = claimed(store, START + 10 * n)
        store.finish(tick, outcome="nothing new", data_key="a", now=START + 10 * n)
        numbers.append(tick.id)
        assert store.tick(tick.id).outcome == "nothing new"  # a daemon asks for it by its id
        assert store.tick(tick.id).due == START + 10
    assert numbers == [1, 2, 3]
    assert [t.id for t in store.ticks_of("nightly")] == [3]


def test_an_alarm_is_raised_once_per_deadline_and_cleared_by_a_success(store, tmp_path):
    store.add(schedule(fresh_within=15.0))
    watch = Watch(tmp_path)
    assert watch.raise_alarm(store.standing("nightly"), START + 16)
    assert not watch.raise_alarm(store.standing("nightly"), START + 17)
    assert finished(store, START + 20, "completed", verdict="passed").recovered
    assert [(a.deadline, a.raised, a.cleared) for a in watch.alarms("nightly")] == [
        (START + 15, START + 16, START + 21)
    ]
    before = store.standing("nightly")
    assert before.deadline == START + 36
    finished(store, START + 30, "completed", verdict="passed")
    assert not watch.raise_alarm(before, START + 37)  # there was a success meanwhile


def test_downtime_is_few_rows(store):
    store.add(schedule(missed="skip"))
    for late in (5_000, 9_000, 2_592_000):
        standing = store.standing("nightly")
        decision = due_policy.decide(standing.schedule, standing.next_due, START + late, ahead=0)
        assert store.advance(standing, dataclasses.replace(decision))
    (row,) = store.history("nightly")
    assert (row.outcome, row.due, row.times) == ("missed", START + 10, 259_169)
    assert row.until == START + 10 * row.times
    assert tick_at(store, START + 777_770).due == row.due


def test_looks_for_new_data_that_find_none_are_one_row_while_the_data_is_the_same(store):
    store.add(schedule(trigger=NewData(check_every=10)))
    for n, key in enumerate("aaab", 1):
        finished(store, START + 10 * n, "nothing new", data_key=key)
    assert [(t.times, t.data_key) for t in store.history("nightly")] == [(1, "b"), (3, "a")]
    store.add(schedule("other"))
    for n in (1, 2):
        store.finish(claimed(store, START + 10 * n, "other"), outcome="nothing new", now=START)
    assert [t.times for t in store.history("other")] == [1, 1]


def test_a_pause_and_a_removal_end_what_waits_and_leave_what_runs(store):
    for act in ("pause", "remove"):
        store.add(schedule(act))
        running = claimed(store, START + 10, act)
        waiting = store.trigger(act, START + 11)
        store.pause(act, "labels", START + 12) if act == "pause" else store.remove(act, START + 12)
        outcome = {"pause": "paused", "remove": "skipped"}[act]
        assert store.tick(waiting.id).outcome == outcome
        assert store.tick(running.id).outcome is None
        assert store.finish(running, outcome="completed", verdict="passed", now=START + 13).entered
    assert not store.pause("pause", "another", START + 14)
    assert store.standing("pause").schedule.paused == "labels"
    assert len(store.history("remove")) == 2


def test_a_schedule_added_again_repeats_no_due_time(store):
    store.add(schedule())
    claimed(store, START + 10)
    store.remove("nightly", START + 11)
    again = dataclasses.replace(schedule(), created=START - 100)  # the clock was set back
    assert store.add(again).next_due == START + 20


def test_a_schedule_added_again_counts_nothing_with_the_ticks_of_the_old_one(store):
    for created in (START, START + 50, START - 100):
        store.add(dataclasses.replace(schedule(), created=created))
        store.pause("nightly", "labels", START)
        store.resume("nightly", store.standing("nightly").next_due + 25)
        store.remove("nightly", START)
    assert [tick.times for tick in store.history("nightly")] == [3, 3, 3]


def test_manual_ticks(store):
    store.add(schedule())
    first = store.trigger("nightly", START + 10)
    with pytest.raises(ConfigError, match="waits already"):
        store.trigger("nightly", START + 11)
    assert store.take(first, START + 11)
    assert claimed(store, START + 10).kind == "scheduled"
    second = store.trigger("nightly", START + 10)
    assert first.due == second.due == START + 10
    assert len({tick.id for tick in store.ticks_of("nightly")}) == 3
    store.give_back(first)
    assert store.tick(first.id).attempts == 0


def test_a_misspelt_name_comes_with_the_close_ones(store):
    store.add(schedule())
    for call in (
        lambda: store.standing("nigthly"),
        lambda: store.pause("nigthly", "x", START),
        lambda: store.resume("nigthly", START),
        lambda: store.remove("nigthly", START),
        lambda: store.trigger("nigthly", START),
        lambda: store.history("nigthly"),
    ):
        with pytest.raises(ConfigError) as error:
            call()
        assert "did you mean 'nightly'?" in str(error.value)
    with pytest.raises(ConfigError, match="already"):
        store.add(schedule())


@pytest.mark.parametrize(
    "name", ["", "Nightly", "../x", "a/b", ".hidden", "-x", "a" * 101, "ä", "a\n"]
)
def test_a_name_becomes_a_path_so_it_is_checked(name):
    with pytest.raises(ConfigError, match="invalid schedule name"):
        schedule(name)


def test_a_ledger_that_was_moved_away_is_trouble_and_no_new_one(store, tmp_path):
    store.add(schedule())
    store.path.rename(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentTrouble, match="not there"):
        store.survey()
    assert not store.path.exists()
    (tmp_path / "elsewhere").rename(store.path)
    assert len(store.survey().standings) == 1


def test_heartbeats(tmp_path):
    watch = Watch(tmp_path)
    assert watch.last_seen() is None
    watch.beat("a", START)
    watch.beat("b", START + 5)
    watch.beat("a", START + 3)
    assert watch.last_seen() == START + 5
