"""Which data, with its spans, and which code a verdict rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from data.examples.artifact import DESCRIPTION, Examples
from data.files.documents import read_document
from data.files.durable_files import sha256_file


def identify_data(examples: Examples, split: str) -> dict[str, Any]:
    """`digest` of the split; of a window also `spans`: which, and what was left out and why."""
    spans = read_spans(examples)
    return {"digest": digest_split(examples, split), **({"spans": spans} if spans else {})}


def digest_split(examples: Examples, split: str) -> str:
    """The identity of the images and labels that were judged on."""
    digests = [sha256_file(shard) for shard in examples.shards(split)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_code_versions() -> dict[str, str]:
    """Distribution → version, of what the numbers rest on."""
    found = {}
    for name in ("penstock", "tensorflow", "tensorflow-model-analysis", "apache-beam"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"  # a checkout that is not installed
    return found


def read_spans(examples: Examples) -> dict[str, Any] | None:
    """Pattern, spans, what was left out and why, of examples that are a window's; else None.

    Raises:
        BadDataError: the examples' description cannot be read.
    """
    if not (examples.path / DESCRIPTION).is_file():
        return None
    source = read_document(examples.path / DESCRIPTION).get("source")
    if not isinstance(source, dict) or not {"pattern", "spans", "left_out"} <= source.keys():
        return None
    return {name: source[name] for name in ("pattern", "spans", "left_out", "test")}


def describe_spans(spans: Mapping[str, Any]) -> tuple[str, str]:
    """The spans' names with their versions, and what was left out, or "".

    Args:
        spans: as `read_spans` has them.
    """
    taken = ", ".join(map(_name, spans["spans"]))
    out = "; ".join(f"{_name(one)} ({one['state']}, {one['why']})" for one in spans["left_out"])
    return f"spans {taken}", f"left out: {out}" if out else ""


def _name(span: Mapping[str, Any]) -> str:
    return span["span"] if span["version"] is None else f"{span['span']} v{span['version']}"
