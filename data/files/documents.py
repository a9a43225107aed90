"""Read and write the JSON files that stay on disk, each with a schema number.

A file of another schema is refused. Files that only pass between the processes of one run have no
number, and neither have those of TensorFlow Datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import BadDataError
from data.files.durable_files import read_json, write_json

KEY = "schema_version"
_CREATE_AGAIN = "create the file again with this version"

# A change of what a file means increases its number.
SCHEMAS = {
    "checkpoint": 1,  # the facts in a training's checkpoints
    "events.jsonl": 2,  # each line; a worker's as well
    "examples.json": 2,
    "history.json": 1,
    "manifest.json": 1,
    "model_card.json": 2,
    "penstock.json": 4,
    "push.json": 2,
    "push_right.json": 1,
    "run.json": 1,
    "submission.json": 2,
    "upstream.json": 1,
    "verdict.json": 4,
}


def add_schema_number(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a file of this kind with its schema number."""
    number = {KEY: SCHEMAS[kind]}
    return number | dict(content) | number


def check_schema(kind: str, content: Any, where: object) -> dict[str, Any]:
    """Return the content of a file if it has the current schema number.

    Args:
        kind: one of `SCHEMAS`.
        content: the parsed JSON.
        where: the file, for error messages.

    Raises:
        BadDataError: it is not a JSON object, or has another schema, such as a newer Penstock's.
    """
    if not isinstance(content, dict):
        raise BadDataError(
            f"{where} is not a JSON object",
            expected="a JSON object",
            got=content,
            remedy=_CREATE_AGAIN,
        )
    if content.get(KEY) != SCHEMAS[kind]:
        raise BadDataError(
            f"{where} was written by another version of Penstock",
            expected=f"{KEY} {SCHEMAS[kind]}",
            got=f"{KEY} {content[KEY]}" if KEY in content else f"no {KEY}",
            follows="the file is not used: its meaning may have changed",
            remedy=f"use the Penstock version that wrote it, or {_CREATE_AGAIN}",
        )
    return content


def write_document(path: Path, content: Mapping[str, Any], kind: str | None = None) -> None:
    """Write JSON with its schema number, as `durable_files.write_json` does.

    Args:
        path: the file.
        content: JSON-able.
        kind: one of `SCHEMAS`; the file's name if None.

    Raises:
        OSError: the file could not be written; the old one is unchanged.
    """
    write_json(path, add_schema_number(kind or path.name, content))


def read_document(path: Path, kind: str | None = None) -> dict[str, Any]:
    """Read a JSON file and check its schema number, which the result includes.

    Raises:
        BadDataError: it is missing, not a JSON object, or has another schema number.
        EnvironmentTrouble: it cannot be read.
    """
    return check_schema(kind or path.name, read_json(path), path)
