"""Write lists of the files that are not among the Examples: bad ones, and ones left out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.base.visible_text import escape_line
from data.examples.artifact import LEFT_OUT, QUARANTINE
from data.examples.from_files.outcome import Outcome
from data.files.durable_files import translate_disk_errors
from data.sources.file_source import LeftOut


def write_quarantine(path: Path, outcome: Outcome) -> None:
    """Write the bad files with their reasons to `quarantine.csv`, if there are any."""
    if outcome.bad:
        _write(path / QUARANTINE, ("file", "label", "problem"), outcome.bad_files())


def write_left_out(path: Path, left_out: Sequence[LeftOut]) -> None:
    """Write what the listing left out to `left_out.csv`, if there is anything."""
    if left_out:
        _write(path / LEFT_OUT, ("file", "reason"), left_out)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV in UTF-8, one line for each row whatever characters a name has."""
    with (
        translate_disk_errors(f"cannot write {path}"),
        path.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([*map(escape_line, row)] for row in rows)
