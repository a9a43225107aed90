from __future__ import annotations

import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import (
    BadDataError,
    ConfigError,
    EnvironmentTrouble,
    PenstockError,
    StepError,
    deserialize_error,
    serialize_error,
    suggest_names,
    summarize_error,
)

KINDS = [PenstockError, ConfigError, BadDataError, EnvironmentTrouble, StepError]
TEXT = st.text() | st.sampled_from(["]]", '"', "\\", "[[penstock:", "\n", "}", "é→"])


@given(
    kind=st.sampled_from(KINDS),
    what=TEXT,
    details=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("expected", "got", "follows", "remedy"), TEXT)
    ),
    around=st.tuples(TEXT.filter(lambda text: "[[penstock:" not in text), TEXT),
)
def test_an_error_crosses_processes_whole(kind, what, details, around) -> None:
    error = kind(what, **details)
    before, after = around
    for found in (
        deserialize_error(before + serialize_error(error) + after),
        pickle.loads(pickle.dumps(error)),
    ):
        assert type(found) is kind
        assert vars(found) == vars(error)
        assert str(found) == str(error)


@pytest.mark.parametrize(
    "text",
    ["", "some traceback", "[[penstock:", "[[penstock:BadDataError {", '[[penstock:Other {"a": 1}'],
)
def test_text_without_an_error_gives_none(text: str) -> None:
    assert deserialize_error(text) is None


def test_the_first_of_several_is_found() -> None:
    text = f"{serialize_error(BadDataError('first'))} … {serialize_error(StepError('second'))}"
    assert str(deserialize_error(text)) == "first"


def test_a_message_can_be_printed_whatever_the_name_of_a_file() -> None:
    name = os.fsdecode(b"\xff.png")
    error = BadDataError(name, expected=name, got=name, follows=name, remedy=name)
    assert str(error).encode().count(rb"\udcff.png") == 5


def test_a_message_says_what_expected_got_so_and_do() -> None:
    error = BadDataError("it is bad", expected=3, got=4, follows="stop", remedy="fix it")
    assert str(error).splitlines() == [
        "it is bad",
        "  expected: 3",
        "  got:      4",
        "  so:       stop",
        "  do:       fix it",
    ]
    assert str(BadDataError("only this")) == "only this"


def test_a_foreign_error_in_one_line() -> None:
    assert summarize_error(ValueError("first\nsecond")) == "ValueError: first"
    assert summarize_error(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_close_matches_come_first() -> None:
    assert suggest_names("mnits", ["mnist", "tfds"]) == "did you mean 'mnist'?"
    assert suggest_names("xyz", ["b", "a"]) == "valid names: a, b"
    assert suggest_names("xyz", []) == "there are no valid names"
