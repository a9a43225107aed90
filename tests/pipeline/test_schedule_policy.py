from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schedule.policy import decide
from pipeline.schedule.schedules import Schedule
from pipeline.schedule.triggers import Every

START = 1_000_000.0


def schedule(**fields) -> Schedule:
    return Schedule(name="s", recipe="digits", created=START, trigger=Every(seconds=10), **fields)


def outcomes(schedule, next_due, now, *, busy=False, waiting=False) -> list[tuple[str, int]]:
    """(outcome or "run", how many due times), of all decisions until none is to be made."""
    found = []
    while decision := decide(schedule, next_due, now, busy=busy, waiting=waiting):
        next_due = decision.next_due
        for tick in decision.ticks:
            found.append((tick.outcome or "run", tick.times))
            busy, waiting = busy or tick.outcome is None, waiting or tick.waits
    return found


@pytest.mark.parametrize(
    ("fields", "seconds_late", "expected"),
    [
        ({}, 0, [("run", 1)]),
        ({"grace": 5}, 5, [("run", 1)]),
        ({"grace": 4}, 5, [("run", 1)]),  # late, and the newest
        ({"grace": 4, "missed": "skip"}, 5, [("missed", 1)]),
        ({"grace": 4}, 35, [("missed", 3), ("run", 1)]),
        ({"grace": 4, "missed": "skip"}, 35, [("missed", 4)]),
        ({"grace": 4, "missed": "all"}, 35, [("run", 1)]),  # the others wait for their turn
        ({"grace": 5}, 35, [("missed", 3), ("run", 1)]),  # the newest is in time
        ({"grace": 15}, 35, [("missed", 2), ("run", 1), ("skipped", 1)]),
        ({"grace": 15, "overlap": "queue"}, 35, [("missed", 2), ("run", 1), ("run", 1)]),
        ({"grace": 99, "overlap": "queue"}, 35, [("run", 1), ("run", 1), ("skipped", 2)]),
        ({"paused": "by hand"}, 35, [("paused", 4)]),
        ({"paused": "by hand", "missed": "all"}, 2_592_000, [("paused", 259_201)]),
        ({"missed": "skip"}, 2_592_000, [("missed", 259_170), ("run", 1), ("skipped", 30)]),
    ],
)
def test_what_becomes_of_due_times_while_nothing_runs(fields, seconds_late, expected):
    due = START + 10
    assert outcomes(schedule(**fields), due, due + seconds_late) == expected


@pytest.mark.parametrize(
    ("fields", "waiting", "expected"),
    [
        ({}, False, [("skipped", 4)]),
        ({"overlap": "queue"}, False, [("run", 1), ("skipped", 3)]),
        ({"overlap": "queue"}, True, [("skipped", 4)]),
        ({"grace": 4}, False, [("missed", 3), ("skipped", 1)]),
        ({"grace": 4, "overlap": "queue"}, False, [("missed", 3), ("run", 1)]),
        ({"grace": 4, "missed": "all"}, False, []),
    ],
)
def test_what_becomes_of_due_times_while_the_last_one_runs(fields, waiting, expected):
    due = START + 10
    assert outcomes(schedule(**fields), due, due + 35, busy=True, waiting=waiting) == expected


def test_nothing_is_decided_before_it_is_due():
    assert decide(schedule(), START + 10, START + 9.999, busy=False, waiting=False) is None


@given(
    now=st.floats(0, 3_000),
    grace=st.floats(0, 500),
    missed=st.sampled_from(["once", "all", "skip"]),
    overlap=st.sampled_from(["skip", "queue"]),
    paused=st.sampled_from([None, "by hand"]),
    busy=st.booleans(),
)
def test_every_due_time_is_counted_once_and_at_most_one_waits(
    now, grace, missed, overlap, paused, busy
):
    one = schedule(grace=grace, missed=missed, overlap=overlap, paused=paused)
    due, waiting, covered = START + 10, False, 0
    while decision := decide(one, due, START + now, busy=busy, waiting=waiting):
        assert decision.ticks[0].due == due
        counted = sum(tick.times for tick in decision.ticks)
        assert decision.next_due == due + 10 * counted
        for tick in decision.ticks:
            assert tick.until == (None if tick.times == 1 else tick.due + 10 * (tick.times - 1))
            if tick.outcome is None:
                assert not (busy and waiting)
                assert paused is None
                waiting = waiting or busy
                busy = True
        due, covered = decision.next_due, covered + counted
    if missed != "all":
        assert covered == now // 10
