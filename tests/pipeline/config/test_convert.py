from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from pipeline.config.convert import from_plain, to_plain


@dataclass(frozen=True, kw_only=True)
class Inner:
    metric: Literal["accuracy", "loss"]
    at_least: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outer:
    count: int = 1
    share: float = 0.5
    deep: bool = False
    name: str = "x"
    limit: int | None = None
    rules: tuple[Inner, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("p")


outers = st.builds(
    Outer,
    count=st.integers(),
    share=st.floats(allow_nan=False),
    deep=st.booleans(),
    name=st.text(),
    limit=st.none() | st.integers(),
    rules=st.lists(
        st.builds(Inner, metric=st.sampled_from(["accuracy", "loss"]), at_least=st.none())
    ).map(tuple),
    options=st.dictionaries(st.text(), st.integers() | st.text()),
    path=st.sampled_from([Path("a/b"), Path("/c")]),
)


@given(outers)
def test_plain_and_back_is_the_same(value):
    assert from_plain(to_plain(value), Outer, "outer") == value


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"count": "ten"}, "expected int, got 'ten' at outer.count"),
        ({"count": 3.7}, "expected int, got 3.7"),
        ({"count": True}, "expected int, got True"),
        ({"deep": "no"}, "expected bool, got 'no'"),
        ({"limit": "ten"}, "expected int, got 'ten'"),
        ({"name": 3}, "expected str, got 3"),
        ({"rules": [{"metric": "acuracy"}]}, "expected 'accuracy' or 'loss', got 'acuracy'"),
        ({"rules": [{"metric": "loss", "at_last": 1}]}, "did you mean 'at_least'"),
        ({"rules": [{}]}, "metric"),
        ({"cuont": 1}, "unknown key 'cuont' .did you mean 'count'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(plain, words):
    with pytest.raises(ConfigError, match=words):
        from_plain(plain, Outer, "outer")


def test_none_is_a_word_only_where_none_may_be():
    assert from_plain({"limit": "none"}, Outer, "outer").limit is None
    assert from_plain({"name": "none"}, Outer, "outer").name == "none"


def test_a_whole_number_is_a_float_too():
    assert from_plain({"share": 1}, Outer, "outer").share == 1.0


def test_a_string_is_never_a_list_and_a_value_no_table():
    for plain, words in [
        ({"rules": "accuracy"}, "expected a list, got 'accuracy' at outer.rules"),
        ({"rules": 3.5}, "expected a list, got 3.5"),
        ({"rules": {"metric": "loss"}}, "expected a list, got {'metric': 'loss'}"),
        (
            {"rules": ["loss"]},
            r"expected a table of keys and values, got 'loss' at outer.rules\[0\]",
        ),
        ({"options": "units"}, "expected a table of keys and values, got 'units'"),
        ({"options": [["units", 3]]}, "expected a table of keys and values"),
    ]:
        with pytest.raises(ConfigError, match=words):
            from_plain(plain, Outer, "outer")
