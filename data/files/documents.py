"""JSON that stays on disk: each file says of which schema it is, and one of another is refused.

Files between the processes of one run are none of these, nor are those of TensorFlow Datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import BadDataError
from data.files.durable_files import read_json, write_json

KEY = "schema_version"

# A change of what a file means takes the next number.
SCHEMAS = {
    "checkpoint": 1,  # the facts in a training's checkpoints
    "events.jsonl": 1,  # each line
    "examples.json": 1,
    "history.json": 1,
    "journal.jsonl": 1,  # each line
    "manifest.json": 1,
    "model_card.json": 1,
    "penstock.json": 2,
    "push.json": 1,
    "push_right.json": 1,
    "run.json": 1,
    "submission.json": 1,
    "upstream.json": 1,
    "verdict.json": 4,
}


def numbered(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file of this kind, with its schema number."""
    number = {KEY: SCHEMAS[kind]}
    return number | dict(content) | number


def checked(kind: str, content: Any, where: object) -> dict[str, Any]:
    """The content of a file, if it is of today's schema.

    Args:
        kind: one of `SCHEMAS`.
        content: what was read.
        where: the file, to be named.

    Raises:
        BadDataError: it is no JSON object, or of another schema, such as a newer Penstock's.
    """
    if not isinstance(content, dict):
        raise BadDataError(f"{where} is no JSON object", expected="a JSON object", got=content)
    if content.get(KEY) != SCHEMAS[kind]:
        raise BadDataError(
            f"{where} was written by another version of Penstock",
            expected=f"{KEY} {SCHEMAS[kind]}",
            got=f"{KEY} {content[KEY]}" if KEY in content else f"no {KEY}",
            follows="it was not read: what it means may have changed",
            remedy="use the Penstock that wrote it, or have it made again by this one",
        )
    return content


def write_document(path: Path, content: Mapping[str, Any], kind: str | None = None) -> None:
    """Write JSON with its schema number, as `durable_files.write_json` does.

    Args:
        path: the file.
        content: JSON-able.
        kind: one of `SCHEMAS`; the file's name if None.

    Raises:
        OSError: the disk would not take it; the old file still stands.
    """
    write_json(path, numbered(kind or path.name, content))


def read_document(path: Path, kind: str | None = None) -> dict[str, Any]:
    """The content of such a file, its schema number with it.

    Raises:
        BadDataError: it is missing, no JSON object, or of another schema.
        EnvironmentTrouble: it cannot be read.
    """
    return checked(kind or path.name, read_json(path), path)
