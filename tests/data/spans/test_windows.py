from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from data.spans.windows import Window, format_window

SPANS = [str(number) for number in range(1, 8)]


def taken(text: str, usable: list[str] = SPANS, pushed: str | None = None) -> list[str]:
    window = Window.parse(text)
    return window.take(window.candidates(SPANS, pushed), usable.__contains__)[0]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("latest", ["7"]),
        ("3", ["5", "6", "7"]),
        ("99", SPANS),
        ("all", SPANS),
        ("span 3", ["3"]),
        ("span 5, 3", ["3", "5"]),
        ("3,5", ["3", "5"]),
        ("latest until 4", ["4"]),
        ("2 until 4", ["3", "4"]),
        ("all until 2", ["1", "2"]),
        ("since push", SPANS),
        (format_window(["2", "6"]), ["2", "6"]),
    ],
)
def test_windows(text: str, spans: list[str]) -> None:
    assert taken(text) == spans


def test_since_push_are_those_behind_the_one_that_was_pushed() -> None:
    assert taken("since push", pushed="5") == ["6", "7"]
    assert taken("since push until 6", pushed="5") == ["6"]
    assert taken("since push", pushed="7") == []
    assert taken("3", pushed="5") == ["5", "6", "7"]


@given(st.integers(1, 10), st.sets(st.sampled_from(SPANS)))
def test_what_is_not_usable_does_not_count(count: int, usable: set[str]) -> None:
    expected = sorted(usable, key=int)[-count:]
    asked: list[str] = []

    def is_usable(name: str) -> bool:
        asked.append(name)
        return name in usable

    assert Window.parse(str(count)).take(SPANS, is_usable) == (
        expected,
        [name for name in sorted(asked, key=int) if name not in usable],
    )
    oldest = SPANS.index(expected[0]) if len(expected) == count else 0
    assert asked == SPANS[oldest:][::-1]  # no more than are needed


@pytest.mark.parametrize("text", ["", "0", "a,", "span ,", "3 until ", ",", " "])
def test_words_that_are_no_window(text: str) -> None:
    with pytest.raises(ConfigError, match=r"invalid ingest\.window"):
        Window.parse(text)


def test_names_may_be_words_of_windows() -> None:
    assert Window.parse("span latest").names == ("latest",)
    assert Window.parse("span all").names == ("all",)
