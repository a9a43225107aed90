"""List the files of a source that are not among the examples: bad ones, and ones left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
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


def list_missing_files(datasets: Sequence[Examples]) -> list[MissingFiles]:
    """List the files that are missing in each dataset, the bad ones first."""
    kinds = [
        (kind, count, examples.path / name)
        for examples in datasets
        for kind, count, name in (
            ("bad", examples.quarantined, QUARANTINE),
            ("left out", examples.left_out, LEFT_OUT),
        )
        if count
    ]
    return [MissingFiles(kind, count, path, *_read(path)) for kind, count, path in kinds]


def _read(path: Path) -> tuple[list[str], list[list[str]], str]:
    """Read the header and the first rows of a CSV, or why it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines: Iterator[list[str]] = csv.reader(file)
            return next(lines, []), list(islice(lines, _LISTED)), ""
    except (OSError, csv.Error) as error:
        return [], [], summarize_error(error)


def list_notes(datasets: Sequence[Examples]) -> list[str]:
    """List what ingest says of the datasets, such as the store and its reason, each once."""
    return list(dict.fromkeys(examples.note for examples in datasets if examples.note))
