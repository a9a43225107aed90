"""Which data and which code a verdict rests on."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from components.span_words import spans_of
from data.durable import sha256_file
from data.examples import Examples


def data_identity(examples: Examples, split: str) -> dict[str, Any]:
    """`digest` of the split; of a window also `spans`: which, and what was left out and why."""
    spans = spans_of(examples)
    return {"digest": split_digest(examples, split), **({"spans": spans} if spans else {})}


def split_digest(examples: Examples, split: str) -> str:
    """The identity of the images and labels that were judged on."""
    digests = [sha256_file(shard) for shard in examples.shards(split)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def code_versions() -> dict[str, str]:
    """Distribution → version, of what the numbers rest on."""
    found = {}
    for name in ("penstock", "tensorflow", "tensorflow-model-analysis", "apache-beam"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"  # a checkout that is not installed
    return found
