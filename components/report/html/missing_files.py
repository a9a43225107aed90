"""List the files of a source that are not among the examples: bad ones, and ones left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from components.artifacts import Examples
from data.errors import summarize_error
from data.examples.artifact import LEFT_OUT, QUARANTINE

_LISTED = 20  # files of each list


class MissingFiles(NamedTuple):
    """Files of one kind, the first of them with their reasons."""

    kind: str  # bad, left out
    number: int
    path: Path  # of the CSV with all of them
    header: list[str]
    rows: list[list[str]]
    problem: str  # why they cannot be listed; empty if they can


def list_missing_files(examples: Examples | None) -> list[MissingFiles]:
    """List the bad files and the files left out, where there are any."""
    if examples is None:
        return []
    kinds = (
        ("bad", examples.quarantined, examples.path / QUARANTINE),
        ("left out", examples.left_out, examples.path / LEFT_OUT),
    )
    return [
        MissingFiles(kind, number, path, *_read(path)) for kind, number, path in kinds if number
    ]


def _read(path: Path) -> tuple[list[str], list[list[str]], str]:
    """Read the header and the first rows of a CSV, or why it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines: Iterator[list[str]] = csv.reader(file)
            return next(lines, []), list(islice(lines, _LISTED)), ""
    except (OSError, csv.Error) as error:
        return [], [], summarize_error(error)
