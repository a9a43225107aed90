from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from data.base.visible_text import escape_line
from data.examples.from_files.outcome import Outcome, WrittenPortion
from data.examples.from_files.quarantine import write_left_out, write_quarantine
from data.sources.file_source import LeftOut

NAMES = ["a,b.png", 'quote".png', "two\nlines.png", "\x1b[31mred.png", os.fsdecode(b"\xff.png")]


def read(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8")
    assert text.isascii() or text.replace("\n", "").isprintable()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(text.splitlines()) == len(rows)
    return rows


def test_every_bad_file_is_a_line_whatever_its_name(tmp_path) -> None:
    bad = [(escape_line(name), "cat", "it ends\nearly") for name in NAMES]
    (tmp_path / "d.json").write_text(json.dumps({"bad": bad, "groups": []}))
    portion = WrittenPortion(0, 9, len(bad), {}, [], "d.json")
    write_quarantine(tmp_path, Outcome((portion,), tmp_path))
    header, *rows = read(tmp_path / "quarantine.csv")
    assert header == ["file", "label", "problem"]
    assert [row[0] for row in rows] == [
        "a,b.png",
        'quote".png',
        "two\\nlines.png",
        "\\x1b[31mred.png",
        "\\udcff.png",
    ]
    assert {row[2] for row in rows} == {"it ends\\nearly"}


def test_what_was_left_out_is_listed(tmp_path) -> None:
    write_left_out(tmp_path, [LeftOut(name, "hidden") for name in NAMES])
    rows = read(tmp_path / "left_out.csv")
    assert rows[0] == ["file", "reason"]
    assert len(rows) == 1 + len(NAMES)


def test_nothing_is_written_of_nothing(tmp_path) -> None:
    write_left_out(tmp_path, [])
    write_quarantine(tmp_path, Outcome((), tmp_path))
    assert list(tmp_path.iterdir()) == []
