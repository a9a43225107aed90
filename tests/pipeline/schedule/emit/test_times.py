"""Converted cron expressions are due at the same times, by cronsim's own dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from pipeline.schedule.emit.times import Times, convert_interval, format_ranges

START = datetime(2024, 2, 27, 22, 13, tzinfo=UTC)


def fields(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    one = st.one_of(number.map(str), *([st.sampled_from(names)] if names else []))
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 9)).map(
        lambda parts: f"{parts[0]}/{parts[1]}"
    )
    several = st.lists(st.one_of(one, span, step), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), several)


EXPRESSIONS = st.tuples(
    fields(0, 59),
    fields(0, 23),
    fields(1, 31),
    fields(1, 12, ("JAN", "jul", "DEC")),
    fields(0, 7, ("SUN", "mon", "SAT")),
).map(" ".join)


def dates(expression: str, many: int = 12) -> list[datetime]:
    try:
        return list(islice(CronSim(expression, START), many))
    except CronSimError:
        return []


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_what_is_emitted_is_due_when_the_expression_is(expression):
    expected = dates(expression)
    assume(expected)
    times = Times.of(expression)
    assert dates(times.debian_cron()) == expected
    if times.needs_both:
        with pytest.raises(ConfigError, match="both"):
            times.cron()
    else:
        assert dates(times.cron()) == expected


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_what_is_emitted_means_the_same_to_those_who_read_stars_otherwise(expression):
    """To Kubernetes and Airflow, days are "either" unless a field is a star alone."""
    expected = dates(expression)
    assume(expected)
    times = Times.of(expression)
    assume(not times.needs_both)
    _, _, days, _, weekdays = times.cron().split()
    for field in (days, weekdays):
        assert field == "*" or "*" not in field
    assert "7" not in weekdays
    assert times.cron().upper() == times.cron().lower()  # no names


@pytest.mark.parametrize(
    ("expression", "emitted"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("*/10 * * * *", "*/10 * * * *"),
        ("5 4 * * SUN", "5 4 * * 0"),
        ("5 4 * * 7", "5 4 * * 0"),
        ("0 0 * * MON-FRI", "0 0 * * 1-5"),
        ("0 0 * * */2", "0 0 * * 0,2,4,6"),
        ("0 0 1-31 * MON", "0 0 * * *"),
        ("0 0 */1 * MON", "0 0 * * 1"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("0 0 1,15 * FRI", "0 0 1,15 * 5"),
    ],
)
def test_expressions_as_they_are_emitted(expression, emitted):
    assert Times.of(expression).cron() == emitted


@pytest.mark.parametrize(
    "expression", ["0 3 L * *", "0 3 LW * *", "0 3 * * 5L", "0 3 * * 5#2", "30 0 3 * * *"]
)
def test_what_only_penstock_knows_is_refused(expression):
    with pytest.raises(ConfigError, match="other schedulers") as caught:
        Times.of(expression)
    assert "penstock schedule run" in caught.value.remedy


@given(st.one_of(st.integers(1, 200_000), st.sampled_from([60, 300, 3600, 7200, 86_400])))
def test_an_interval_is_converted_only_to_an_expression_that_is_due_that_often(seconds):
    if seconds % 60 or (3600 % seconds and (seconds % 3600 or 86_400 % seconds)):
        with pytest.raises(ConfigError, match="every") as caught:
            convert_interval(seconds)
        assert "--as systemd" in caught.value.remedy
        return
    expression = convert_interval(seconds)
    due = dates(expression, 60)
    gaps = {later - earlier for earlier, later in pairwise(due)}
    assert gaps == {timedelta(seconds=seconds)}


@pytest.mark.parametrize("minutes", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 720, 1440])
def test_intervals_with_a_cron_expression(minutes):
    due = dates(convert_interval(minutes * 60.0), 60)
    assert due[-1] - due[0] == 59 * timedelta(minutes=minutes)


@given(st.sets(st.integers(0, 59), min_size=1))
def test_ranges_say_all_and_nothing_else(numbers):
    said = set()
    for word in format_ranges(numbers, "-").split(","):
        first, _, last = word.partition("-")
        said |= set(range(int(first), int(last or first) + 1))
    assert said == numbers
