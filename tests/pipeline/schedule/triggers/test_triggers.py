from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import schedule_world
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from pipeline.schedule.triggers import durations, triggers
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData, shortest_gap

DAY = 86_400


def dues(cron: Cron, start: float, end: float) -> list[float]:
    found = [cron.next_after(start)]
    while found[-1] <= end:
        found.append(cron.next_after(found[-1]))
    return found[:-1]


def at(text: str, zone: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/Zurich", [(3, 29), (10, 25)]),
        ("America/New_York", [(3, 8), (11, 1)]),
        ("Australia/Lord_Howe", [(4, 5), (10, 4)]),  # by half an hour
        ("America/Santiago", [(4, 5), (9, 6)]),  # at midnight
        ("UTC", [(3, 29)]),
    ],
)
@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "*/20 * * * *", "0 */3 * * *", "*/7 0 * * 0", "10,40 1-3 * * *"]
)
def test_due_times_are_those_of_a_walk_through_all_minutes_around_a_change(
    zone, changes, expression
):
    for month, day in changes:
        change = schedule_world.start_of(2026, month, day)
        start, end = change - 2 * DAY, change + 3 * DAY
        expected = schedule_world.cron_oracle(expression, zone, start, end)
        assert dues(Cron(expression=expression, tz=zone), start, end) == expected


@pytest.mark.torture
@pytest.mark.parametrize(
    "zone", ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
def test_due_times_of_two_years_are_those_of_the_walk(zone):
    start = schedule_world.start_of(2024, 1, 1)
    for expression in ("30 2 * * *", "*/15 * * * *", "0 2,3 1 * *", "5 0-4/2 * 3,10 0"):
        end = start + 2 * 365 * DAY
        expected = schedule_world.cron_oracle(expression, zone, start, end)
        found = dues(Cron(expression=expression, tz=zone), start, end)
        assert found == expected
        print(f"\n{zone} {expression!r}: {len(found)} due times as expected")


def test_a_time_that_a_day_lacks_is_due_once_right_after_the_gap():
    cron = Cron(expression="30 2 * * *", tz="Europe/Zurich")
    assert dues(cron, at("2026-03-28T12:00", cron.tz), at("2026-03-30T12:00", cron.tz)) == [
        at("2026-03-29T03:00", cron.tz),
        at("2026-03-30T02:30", cron.tz),
    ]


def test_a_time_that_a_day_has_twice_is_due_the_first_time_only():
    cron = Cron(expression="30 2 * * *", tz="Europe/Zurich")
    first = at("2026-10-25T02:30", cron.tz)
    assert cron.next_after(at("2026-10-25T00:00", cron.tz)) == first
    assert at("2026-10-25T02:30", cron.tz, fold=1) == first + 3_600
    for asked in (first, first + 1_800, first + 3_600):  # in the second hour too
        assert cron.next_after(asked) == at("2026-10-26T02:30", cron.tz)


@given(st.integers(0, 4_000_000_000), st.floats(1, 1e6), st.floats(0, 4e9))
def test_intervals_count_from_the_anchor_and_never_stand_still(anchor, step, after):
    for trigger in (Every(seconds=step), NewData(check_every=step)):
        due = trigger.next_after(after, anchor)
        assert due > after
        assert due >= anchor + step
        assert due <= max(after, anchor) + step + 1e-3
        steps = (due - anchor) / step
        assert abs(steps - round(steps)) < 1e-6 * max(1, steps)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 25 * * *", "invalid hour\n"),
        ("61 3 * * *", "'61', field 1 of 5"),
        ("0 3 32 * *", "invalid day-of-month"),
        ("0 3 * 13 *", "invalid month"),
        ("0 3 * * 8", "invalid day-of-week"),
        ("0 3 * * MOM", "invalid day-of-week"),
        ("*/0 3 * * *", "invalid minute"),
        ("0 3 * *", "has 4 fields"),
        ("0 0 3 * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("0 0 30 2 *", "never due"),
        ("0 0 31 4,6 *", "never due"),
    ],
)
def test_a_bad_expression_is_shown_whole_with_the_field_that_is_bad(expression, told):
    with pytest.raises(ConfigError) as error:
        Cron(expression=expression)
    assert told in str(error.value)
    assert repr(expression) in str(error.value)


@pytest.mark.parametrize("field", range(5))
@given(text=st.text("0123456789*/,-L#W ABCDEFMONSU", max_size=12))
def test_any_text_is_an_expression_or_bad_config(field, text):
    fields = ["*"] * 5
    fields[field] = text
    try:
        cron = Cron(expression=" ".join(fields))
    except ConfigError:
        return
    assert cron.next_after(1.7e9) > 1.7e9


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Europe/Zurch", "'Europe/Zurich'"),
        ("Zurich", "'Europe/Zurich'"),
        ("new york", "'America/New_York'"),
        ("../etc/passwd", "unknown time zone"),
        ("Europe", "unknown time zone"),
        ("", "unknown time zone"),
    ],
)
def test_an_unknown_zone_comes_with_the_close_ones(zone, told):
    with pytest.raises(ConfigError) as error:
        Cron(expression="0 3 * * *", tz=zone)
    assert told in str(error.value)


def test_triggers_survive_the_ledger():
    for trigger in (
        Cron(expression="0 3 * * *", tz="Asia/Kolkata"),
        Every(seconds=90.5),
        NewData(check_every=600),
    ):
        assert triggers.from_plain(triggers.to_plain(trigger)) == trigger


def test_the_shortest_gap_of_an_uneven_cron():
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert shortest_gap(Cron(expression="0 3,5 * * *"), now, now) == 7_200
    assert shortest_gap(Every(seconds=90), now, now) == 90


@pytest.mark.parametrize("seconds", [0, 0.5, -1, float("inf"), float("nan")])
def test_intervals_below_a_second_are_refused(seconds):
    with pytest.raises(ConfigError):
        Every(seconds=seconds)


@given(st.integers(1, 10_000_000))
def test_durations_are_formatted_and_parsed(seconds):
    units = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
    assert durations.parse_duration(f"{seconds}s") == seconds
    text = durations.format_duration(seconds)
    smallest = units[text[-1]]  # words leave out what is smaller than the second unit
    assert 0 <= seconds - durations.parse_duration(text) < max(smallest, 1)
    for unit, size in units.items():
        assert durations.parse_duration(f"{seconds}{unit}") == seconds * size


@pytest.mark.parametrize("text", ["", "5", "5x", "m5", "-5m", "1h-5m", "5 m", "١m", "1e3s"])
def test_an_invalid_duration_is_refused(text):
    with pytest.raises(ConfigError, match="invalid duration"):
        durations.parse_duration(text)
