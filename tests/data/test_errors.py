from __future__ import annotations

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
    did_you_mean,
    in_one_line,
    revive,
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
    for found in (revive(before + error.marked() + after), pickle.loads(pickle.dumps(error))):
        assert type(found) is kind
        assert vars(found) == vars(error)
        assert str(found) == str(error)


@pytest.mark.parametrize(
    "text",
    ["", "some traceback", "[[penstock:", "[[penstock:BadDataError {", '[[penstock:Other {"a": 1}'],
)
def test_text_without_an_error_gives_none(text: str) -> None:
    assert revive(text) is None


def test_the_first_of_several_is_found() -> None:
    text = f"{BadDataError('first').marked()} … {StepError('second').marked()}"
    assert str(revive(text)) == "first"


def test_a_message_says_what_expected_got_so_and_do() -> None:
    error = BadDataError("it is bad", expected=3, got=4, follows="stop", remedy="mend it")
    assert str(error).splitlines() == [
        "it is bad",
        "  expected: 3",
        "  got:      4",
        "  so:       stop",
        "  do:       mend it",
    ]
    assert str(BadDataError("only this")) == "only this"


def test_a_foreign_error_in_one_line() -> None:
    assert in_one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert in_one_line(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_close_matches_come_first() -> None:
    assert did_you_mean("mnits", ["mnist", "tfds"]) == "did you mean 'mnist'?"
    assert did_you_mean("xyz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("xyz", []) == "none is known"
