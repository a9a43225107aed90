"""Define the artifacts that components exchange: a path and the few facts that consumers need.

An artifact's `summary`, if it has one, is shown beside the step that completed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.base.field_meanings import show_meanings
from data.examples.artifact import Examples
from data.spec import ImageSpec

__all__ = ["Examples", "ExpectedExamples", "Model", "Push", "TransformGraph", "Verdict"]


@show_meanings
@dataclass(frozen=True, kw_only=True)
class ExpectedExamples:
    """Describe Examples that are not made yet. None: not known yet."""

    spec: ImageSpec | None = None
    class_names: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    """Splits that have images."""
    features: tuple[str, ...] | None = None
    """Features that the examples may have, by name."""

    @classmethod
    def of(cls, examples: Examples) -> ExpectedExamples:
        """Describe Examples that are made already: everything is known."""
        splits = tuple(split for split in examples.counts if examples.num_examples(split))
        return cls(spec=examples.spec, class_names=examples.spec.class_names, splits=splits)


@dataclass(frozen=True, kw_only=True)
class TransformGraph:
    """The output folder of tensorflow-transform: the only copy of the preprocessing arithmetic.

    The graph takes `image` (batch, height, width, channels) float32, 0-255, and returns the
    feature `image` that the model takes.
    """

    path: Path
    spec: ImageSpec

    summary = "transform graph"


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Model:
    """A candidate: its complete serving bundle, and the record of its training beside it.

    `path` holds `bundle/` (the SavedModel), `history.json` and `parity.npz`.
    """

    path: Path
    spec: ImageSpec
    digest: str
    """SHA-256 of the bundle's manifest. It identifies the bytes that are judged and pushed."""

    @property
    def bundle(self) -> Path:
        return self.path / "bundle"

    @property
    def summary(self) -> str:
        return f"model {self.digest[:12]}"


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision of the gate; `path` holds `verdict.json`."""

    path: Path
    status: Literal["passed", "failed", "not configured"]
    model_digest: str
    """Digest of the bundle that was judged."""
    baseline_digest: str | None = None
    """Digest of the model it was compared with, or "none". None: no comparison was asked for."""

    @property
    def summary(self) -> str:
        return self.status


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Push:
    """Whether the candidate was pushed, and where to; `path` holds `push.json`."""

    path: Path
    pushed: bool
    version: int | None = None
    served_path: Path | None = None
    """`<serving>/<model>/<version>`"""
    reason: str = ""
    """Why the candidate was not pushed; empty if it was."""

    @property
    def summary(self) -> str:
        return f"pushed to {self.served_path}" if self.pushed else f"not pushed: {self.reason}"
