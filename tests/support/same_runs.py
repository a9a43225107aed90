"""Compare two runs of the same pipeline, however they were run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from components.artifacts import Examples, Model
from pipeline.execution.result import RunResult


def assert_same(one: RunResult, other: RunResult) -> None:
    """Examples record for record, weights and outputs bit for bit, every word of the verdict.

    SavedModel files differ from save to save; so does the digest of a bundle.
    """
    assert files(one) == files(other)
    for name, values in outputs(one).items():
        np.testing.assert_array_equal(values, outputs(other)[name], strict=True)
    assert verdict(one) == verdict(other)
    assert one.run.exit_code == other.run.exit_code
    fingerprints = [[e.fingerprint for e in result.executions] for result in (one, other)]
    assert fingerprints[0] == fingerprints[1]


def files(result: RunResult) -> dict[str, bytes]:
    """Read the examples from disk: shards and their description."""
    folder: Path = result.artifact(Examples).path
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def outputs(result: RunResult) -> dict[str, np.ndarray]:
    """Read what training recorded: a digest of every variable, 1,000 images' probabilities."""
    with np.load(_model(result).path / "parity.npz") as found:
        return dict(found)


def verdict(result: RunResult) -> Any:
    assert result.verdict
    words: Any = json.loads((Path(result.verdict.path) / "verdict.json").read_text())
    del words["model"]["digest"]
    return words


def _model(result: RunResult) -> Model:
    found: Model = result.artifact(Model)
    return found
