"""Record which data, with its spans, and which code a verdict is based on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from data.examples.artifact import DESCRIPTION, Examples
from data.files.documents import read_document
from data.files.durable_files import sha256_file


def identify_data(examples: Examples, split: str) -> dict[str, Any]:
    """Return the `digest` of the split, and of a window its `spans` and those left out."""
    spans = read_spans(examples)
    return {"digest": digest_split(examples, split), **({"spans": spans} if spans else {})}


def digest_split(examples: Examples, split: str) -> str:
    """Compute the digest of the images and labels that models were judged on."""
    digests = [sha256_file(shard) for shard in examples.shards(split)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_code_versions() -> dict[str, str]:
    """Read the installed versions of the distributions that compute the metrics."""
    versions = {}
    for name in ("penstock", "tensorflow", "tensorflow-model-analysis", "apache-beam"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"  # a checkout that is not installed
    return versions


def read_spans(examples: Examples) -> dict[str, Any] | None:
    """Read the pattern and the spans of a window, and those left out; None if it is no window.

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
    """Name the spans with their versions, and the spans left out, "" if there are none.

    Args:
        spans: as `read_spans` returns them.
    """
    taken = ", ".join(map(_name_span, spans["spans"]))
    out = "; ".join(
        f"{_name_span(one)} ({one['state']}, {one['why']})" for one in spans["left_out"]
    )
    return f"spans {taken}", f"left out: {out}" if out else ""


def _name_span(span: Mapping[str, Any]) -> str:
    return span["span"] if span["version"] is None else f"{span['span']} v{span['version']}"
