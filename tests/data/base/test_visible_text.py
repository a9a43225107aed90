from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.base.visible_text import escape_controls, escape_line, escape_toml, format_json

HOME = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jcleared", r"\x1b[2Jcleared"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("bell\a, back\b, \r again", r"bell\x07, back\x08, \r again"),
        ("\x9b31m", r"\x9b31m"),  # what 8-bit terminals take for ESC [
        ("\ud800", r"\ud800"),
        ("soft\u00adhyphen\ufeff", r"soft\xadhyphen\ufeff"),
    ],
)
def test_what_acts_unseen_is_written_out(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@pytest.mark.parametrize(
    "text", ["zürich 7", "数字\n", "مى\u200cخواهم", "a\tb", "👩\u200d🔬", r"C:\x"]
)
def test_what_is_read_stays(text: str) -> None:
    assert escape_controls(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n.png", r"a\tb\n.png"),
        (os.fsdecode(b"\xff\xc3\xbc"), r"\udcffü"),
        ("\u202egnp", r"\u202egnp"),
        ("küche 1.png", "küche 1.png"),
    ],
)
def test_a_name_takes_one_line(text: str, shown: str) -> None:
    assert escape_line(text) == shown


@given(st.text())
def test_nothing_that_acts_is_left(text: str) -> None:
    shown = escape_controls(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown
    )
    assert escape_controls(shown) == shown


def test_only_one_console_is_made_by_rich() -> None:
    """Whatever prints by Rich prints by our console, which shows what a text holds."""
    made = [
        path.relative_to(HOME).as_posix()
        for package in ("pipeline", "components", "serving_export", "data")
        for path in (HOME / package).rglob("*.py")
        if re.search(
            r"rich\.console( import .*\bConsole\b|\.Console\b)|rich import .*print",
            path.read_text(),
        )
    ]
    assert made == ["pipeline/console/terminal.py"]


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_json_shows_what_acts_and_reads_back(value: dict) -> None:
    text = format_json(value)
    assert json.loads(text) == value
    assert escape_controls(text) == text


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_toml_shows_what_acts_and_reads_back(value: dict) -> None:
    import tomli_w

    value = {key.encode(errors="replace").decode(): text for key, text in value.items()}
    text = escape_toml(tomli_w.dumps(value))
    assert tomllib.loads(text) == value
    assert escape_controls(text) == text


def test_whatever_a_command_prints_nothing_in_it_acts() -> None:
    """Plain `print` and `click.echo` show a text as it is: commands say it by `say`."""
    plain = re.compile(
        r"(?<![\w.])(print\((?!escape_controls|format_json|escape_toml)|click\.echo\()"
    )
    found = {
        f"{path.relative_to(HOME)}: {line.strip()}"
        for path in (HOME / "pipeline").rglob("*.py")
        for line in path.read_text().splitlines()
        if plain.search(line)
    }
    assert {line.partition(":")[0] for line in found} == {
        "pipeline/cli/main.py",  # before anything of ours is imported
        "pipeline/cli/schedule/emit.py",  # a program's file, in which nothing else is let
        "pipeline/console/streams.py",  # `say` itself
        "pipeline/environment/machine.py",  # words of ours alone
    }
