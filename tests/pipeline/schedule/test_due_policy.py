from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schedule.due_policy import OVERLAP, WAITING, decide
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every

START = 1_000_000.0


def schedule(**fields) -> Schedule:
    return Schedule(name="s", recipe="digits", created=START, trigger=Every(seconds=10), **fields)


def outcomes(schedule, next_due, now, *, ahead=0) -> list[tuple[str, int]]:
    """(outcome or "run", how many due times), of all decisions until none is to be made."""
    found = []
    while decision := decide(schedule, next_due, now, ahead=ahead):
        next_due = decision.next_due
        for tick in decision.ticks:
            found.append((tick.outcome or "run", tick.times))
            ahead += tick.outcome is None
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
        ({"grace": 5, "missed": "skip"}, 35, [("missed", 3), ("run", 1)]),  # and so here
        ({"grace": 15}, 35, [("missed", 2), ("run", 1), ("skipped", 1)]),
        ({"grace": 15, "overlap": "queue"}, 35, [("missed", 2), ("run", 1), ("run", 1)]),
        ({"grace": 99, "overlap": "queue"}, 35, [("run", 1), ("run", 1), ("skipped", 2)]),
        ({"paused": "by hand"}, 35, [("paused", 4)]),
        ({"paused": "by hand", "missed": "all"}, 2_592_000, [("paused", 259_201)]),
        ({"missed": "skip"}, 2_592_000, [("missed", 259_170), ("run", 1), ("skipped", 30)]),
    ],
)
def test_decisions_on_due_times_while_nothing_runs(fields, seconds_late, expected):
    due = START + 10
    assert outcomes(schedule(**fields), due, due + seconds_late) == expected


@pytest.mark.parametrize(
    ("fields", "ahead", "expected"),
    [
        ({}, 1, [("skipped", 4)]),
        ({"overlap": "queue"}, 1, [("run", 1), ("skipped", 3)]),
        ({"overlap": "queue"}, 2, [("skipped", 4)]),
        ({"grace": 4}, 1, [("missed", 3), ("skipped", 1)]),
        ({"grace": 4, "overlap": "queue"}, 1, [("missed", 3), ("run", 1)]),
        ({"grace": 4, "missed": "all"}, 1, []),
    ],
)
def test_decisions_on_due_times_while_the_last_tick_runs(fields, ahead, expected):
    due = START + 10
    assert outcomes(schedule(**fields), due, due + 35, ahead=ahead) == expected


@pytest.mark.parametrize(("begun", "detail"), [(True, OVERLAP), (False, WAITING)])
def test_a_skipped_tick_says_whether_the_one_before_had_begun(begun, detail):
    decision = decide(schedule(), START + 10, START + 35, ahead=1, begun=begun)
    assert [(tick.outcome, tick.detail) for tick in decision.ticks] == [("skipped", detail)]


def test_nothing_is_decided_before_it_is_due():
    assert decide(schedule(), START + 10, START + 9.999, ahead=0) is None


@given(
    now=st.floats(0, 3_000),
    grace=st.floats(0, 500),
    missed=st.sampled_from(["once", "all", "skip"]),
    overlap=st.sampled_from(["skip", "queue"]),
    paused=st.sampled_from([None, "by hand"]),
    ahead=st.integers(0, 2),
)
def test_every_due_time_is_counted_once_and_at_most_one_waits(
    now, grace, missed, overlap, paused, ahead
):
    one = schedule(grace=grace, missed=missed, overlap=overlap, paused=paused)
    due, covered, most = START + 10, 0, 2 if overlap == "queue" else 1
    while decision := decide(one, due, START + now, ahead=ahead):
        assert decision.ticks[0].due == due
        counted = sum(tick.times for tick in decision.ticks)
        assert decision.next_due == due + 10 * counted
        for tick in decision.ticks:
            assert tick.until == (None if tick.times == 1 else tick.due + 10 * (tick.times - 1))
            assert (tick.claimed, tick.ended) == (
                START + now,
                None if tick.outcome is None else START + now,
            )
            if tick.outcome is None:
                ahead += 1
                assert ahead <= most
                assert paused is None
        due, covered = decision.next_due, covered + counted
    if missed != "all":
        assert covered == now // 10
