"""What components hand to one another: a path and the few facts that consumers need.

`summary`, where an artifact has one, is shown beside its step when a run ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.examples.artifact import Examples
from data.spec import ImageSpec

__all__ = ["Examples", "ExpectedExamples", "Model", "Push", "TransformGraph", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class ExpectedExamples:
    """What is known of Examples before they are made; None: not yet."""

    spec: ImageSpec | None = None
    class_names: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None  # those that have images

    @classmethod
    def of(cls, examples: Examples) -> ExpectedExamples:
        """All of it, of such as are made."""
        splits = tuple(split for split in examples.counts if examples.num_examples(split))
        return cls(spec=examples.spec, class_names=examples.spec.class_names, splits=splits)


@dataclass(frozen=True, kw_only=True)
class TransformGraph:
    """tensorflow-transform's output folder: the only copy of the preprocessing arithmetic.

    Its graph takes `image` (batch, height, width, channels) float32, 0-255, and gives the
    feature `image` as the model wants it.
    """

    path: Path
    spec: ImageSpec

    summary = "transform graph"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A candidate: a whole serving bundle, and the record of its training beside it.

    `path` holds `bundle/` (the SavedModel), `history.json` and `parity.npz`.
    """

    path: Path
    spec: ImageSpec
    digest: str  # of the bundle's manifest: names the very bytes that are judged and pushed

    @property
    def bundle(self) -> Path:
        return self.path / "bundle"

    @property
    def summary(self) -> str:
        return f"model {self.digest[:12]}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's answer; `path` holds `verdict.json`."""

    path: Path
    status: Literal["passed", "failed", "not configured"]
    model_digest: str  # the bundle that was judged
    # what it was compared with: a digest, "none", or None where nobody looked
    baseline_digest: str | None = None

    @property
    def summary(self) -> str:
        return self.status


@dataclass(frozen=True, kw_only=True)
class Push:
    """What became of the candidate; `path` holds `push.json`."""

    path: Path
    pushed: bool
    version: int | None = None
    served_path: Path | None = None  # <serving>/<model>/<version>
    reason: str = ""  # why not, where it was not pushed

    @property
    def summary(self) -> str:
        return f"pushed to {self.served_path}" if self.pushed else f"not pushed: {self.reason}"
