"""Find artifacts through the ledger, without importing the components that made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model, Verdict
from data.errors import BadDataError
from data.files.documents import read_document
from pipeline.config.convert import from_plain
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.overrides import applies_to

_KINDS: dict[str, type[Examples | Model | Verdict]] = {
    "Examples": Examples,
    "Model": Model,
    "Verdict": Verdict,
}


def find_artifacts(
    root: Path, ledger: Ledger, fingerprint: str
) -> Iterator[Examples | Model | Verdict]:
    """Find the examples, models and verdicts that a step made and that still exist."""
    component = ledger.component(fingerprint)
    for kind, facts in ledger.artifacts(fingerprint).values():
        if component and kind in _KINDS:
            path = Slot.of(root, component, fingerprint).path / facts["path"]
            if path.is_dir():
                yield from_plain({**facts, "path": str(path)}, _KINDS[kind], kind)


def find_run_artifacts(
    root: Path, ledger: Ledger, run_id: str
) -> Iterator[Examples | Model | Verdict]:
    """Find what a run's steps made or used, the last step first, and the inputs of each."""
    for execution in reversed(ledger.executions(run_id)):
        for fingerprint in (execution.fingerprint, *ledger.upstream(execution.fingerprint)):
            yield from find_artifacts(root, ledger, fingerprint)


def find_training_examples(root: Path, ledger: Ledger, digest: str) -> Examples:
    """Find the examples that a model was trained on.

    Args:
        root: where the model was trained.
        ledger: of the root.
        digest: of the model's bundle.

    Raises:
        BadDataError: the model was not trained in this root, or the examples were deleted.
    """
    trained = ledger.model(digest)
    if trained is None:
        raise BadDataError(
            f"the examples of this model are unknown: no run in {root} trained it",
            expected="a model in the root's ledger",
            got=f"digest {digest}",
            remedy="name the root where it was trained with --root DIR, or name image files",
        )
    for fingerprint in ledger.upstream(trained):
        for artifact in find_artifacts(root, ledger, fingerprint):
            if isinstance(artifact, Examples):
                return artifact
    raise BadDataError(
        "the examples that this model was trained on were deleted",
        expected=f"the examples in {root / 'artifacts'}",
        got="no such artifact",
        remedy="run the model's recipe with --until ingest, or name image files",
    )


def find_verdict(
    root: Path, ledger: Ledger, run_id: str, *, verify: bool = False
) -> Verdict | None:
    """Find the last verdict of a run's steps, if it still exists.

    Raises:
        BadDataError: with `verify`, its bytes have changed.
    """
    for execution in reversed(ledger.executions(run_id)):
        for artifact in find_artifacts(root, ledger, execution.fingerprint):
            if isinstance(artifact, Verdict):
                if verify:
                    _verify(Slot.of(root, execution.component, execution.fingerprint))
                return artifact
    return None


def _verify(slot: Slot) -> None:
    if damaged := slot.verify():
        raise BadDataError(
            f"{slot.path / damaged} has changed since it was written",
            expected="the bytes whose digest the artifact's manifest has",
            follows="the verdict does not count",
            remedy="run the recipe again: damaged artifacts are made again",
        )


def find_judged_model(root: Path, ledger: Ledger, verdict: Verdict) -> Model | None:
    """Find the model that a verdict is about, if it still exists."""
    fingerprint = ledger.model(verdict.model_digest)
    for artifact in find_artifacts(root, ledger, fingerprint) if fingerprint else ():
        if isinstance(artifact, Model) and artifact.digest == verdict.model_digest:
            return artifact
    return None


def read_verdict(ledger: Ledger, verdict: Verdict) -> dict[str, Any]:
    """Read a verdict's file, and add under "override" who pushed against it later, and why."""
    content = read_document(verdict.path / "verdict.json")
    overrides = [p for p in ledger.pushes(verdict.model_digest) if applies_to(p.rules, content)]
    if not overrides:
        return content
    return {**content, "override": {**asdict(overrides[-1]), "rules": list(overrides[-1].rules)}}
