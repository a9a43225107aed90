from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.base.visible_text import escape_controls
from data.errors import BadDataError, deserialize_error, serialize_error, summarize_error
from data.redaction import has_password, redact, remember_secret


def test_a_secret_that_was_read_is_in_no_error_and_nothing_that_is_shown() -> None:
    remember_secret("wJalr/XUtnFEMI+K7")
    error = BadDataError(
        "denied wJalr/XUtnFEMI+K7",
        expected="not wJalr/XUtnFEMI+K7",
        got=OSError("wJalr/XUtnFEMI+K7"),
        follows="wJalr/XUtnFEMI+K7",
        remedy="wJalr/XUtnFEMI+K7",
    )
    texts = [
        str(error),
        error.brief,
        serialize_error(error),
        str(error.args),
        pickle.dumps(error).decode("latin1"),
    ]
    texts += [
        escape_controls("key wJalr/XUtnFEMI+K7"),
        summarize_error(ValueError("a wJalr/XUtnFEMI+K7")),
    ]
    texts += [
        redact("https://host/?key=wJalr%2FXUtnFEMI%2BK7"),
        str(deserialize_error(serialize_error(error))),
    ]
    for text in texts:
        assert "XUtnFEMI" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hdfs://ann:hunter2@host/x and", "hdfs://ann:…@host/x and"),
        ("https://:tok@host", "https://:…@host"),
        ("no connection to https://u:p:w@h:1/x@y", "no connection to https://u:…@h:1/x@y"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("ann@host: mail", "ann@host: mail"),
        ("s3://bucket/key@2", "s3://bucket/key@2"),
    ],
)
def test_a_password_in_a_url_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert has_password(text) == (text != shown)


def test_what_is_too_short_to_be_a_secret_hides_nothing() -> None:
    remember_secret("a")
    assert redact("a banana") == "a banana"


@given(st.text(), st.text(min_size=4))
def test_hidden_once_is_hidden(text: str, secret: str) -> None:
    remember_secret(secret)
    assert redact(redact(text)) == redact(text)
