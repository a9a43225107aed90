"""Each record is one line of JSON, or words, whatever stands in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.redaction import remember_secret
from pipeline.console.log_lines import JsonFormatter, WordsFormatter


def written(say: Callable[[logging.Logger], None]) -> list[dict[str, str]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("penstock.schedule", logging.DEBUG)
    log.addHandler(handler)
    say(log)
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_a_line_says_when_how_bad_who_and_what():
    before = datetime.now(UTC)
    (line,) = written(lambda log: log.warning("%s failed %d times", "nightly", 3))
    time = datetime.fromisoformat(line.pop("time"))
    assert abs((time - before).total_seconds()) < 60
    assert time.utcoffset().total_seconds() == 0
    assert line == {
        "level": "warning",
        "logger": "penstock.schedule",
        "message": "nightly failed 3 times",
    }


def test_an_exception_is_a_field_with_its_traceback():
    def fail(log: logging.Logger) -> None:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("no tick")

    (line,) = written(fail)
    assert line["message"] == "no tick"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: two\nlines")


@given(st.text(st.characters(), max_size=200))
def test_one_record_is_one_line(text):
    (line,) = written(lambda log: log.info("%s", text))
    assert line["message"] == text


@pytest.mark.parametrize("name", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_levels_go_by_name(name):
    (line,) = written(lambda log: log.log(getattr(logging, name), "x"))
    assert line["level"] == name.lower()


def test_words_hold_no_secret_and_nothing_that_acts():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(WordsFormatter())
    log = logging.Logger("penstock.schedule", logging.DEBUG)
    log.addHandler(handler)
    remember_secret("hunter2-marked")
    log.error("could not tell \x1b[2J%s: %s", "\u202egnp", "hunter2-marked, ann:x@host")
    assert stream.getvalue().endswith(
        r"ERROR could not tell \x1b[2J\u202egnp: …, ann:x@host" + "\n"
    )


def test_json_holds_no_secret():
    remember_secret("hunter2-marked")
    (line,) = written(lambda log: log.error("denied: %s", "hunter2-marked"))
    assert line["message"] == "denied: …"
