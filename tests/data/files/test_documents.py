"""Every JSON that stays on disk has a schema number; one of another is refused by name."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from data.errors import BadDataError
from data.files.documents import (
    KEY,
    SCHEMAS,
    add_schema_number,
    check_schema,
    read_document,
    write_document,
)

HOME = Path(__file__).parents[3]
# Files between the processes of one run, and what a person asked to have where they say.
NO_DOCUMENTS = {
    "data/files/documents.py",
    "data/files/durable_files.py",
    "data/examples/write.py",
    "data/examples/from_files/write.py",
    "components/ingest/arrays.py",
    "pipeline/cli/models/gate.py",
}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_is_written_is_read_and_no_other_schema(kind, tmp_path):
    file = tmp_path / kind
    write_document(file, {"a": [1], KEY: 99})
    assert read_document(file) == {KEY: SCHEMAS[kind], "a": [1]}
    assert next(iter(json.loads(file.read_text()))) == KEY
    for other in (SCHEMAS[kind] + 1, SCHEMAS[kind] - 1, str(SCHEMAS[kind]), None):
        file.write_text(json.dumps({KEY: other, "a": [1]}))
        with pytest.raises(BadDataError, match=kind) as found:
            read_document(file)
        assert found.value.expected == f"{KEY} {SCHEMAS[kind]}"
        assert str(other) in found.value.got
    for content in ({"a": [1]}, [1], "text", None):
        file.write_text(json.dumps(content))
        with pytest.raises(BadDataError, match=kind):
            read_document(file)


def test_lines_are_numbered_each():
    line = add_schema_number("events.jsonl", {"event": "ended"})
    assert check_schema("events.jsonl", line, "events.jsonl") == line


def test_nothing_else_is_written_as_json():
    """Besides, only tests and libraries write JSON."""
    writers = {
        path.relative_to(HOME).as_posix()
        for package in ("data", "serving_export", "components", "pipeline")
        for path in (HOME / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("write_json", "json.dump")
    }
    assert writers <= NO_DOCUMENTS
