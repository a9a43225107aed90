"""Artifacts found again by the ledger, without importing the components that made them."""

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
    """The examples, models and verdicts that a step made, as far as they still lie there."""
    component = ledger.component(fingerprint)
    for kind, facts in ledger.artifacts(fingerprint).values():
        if component and kind in _KINDS:
            path = Slot.of(root, component, fingerprint).path / facts["path"]
            if path.is_dir():
                yield from_plain({**facts, "path": str(path)}, _KINDS[kind], kind)


def find_run_artifacts(
    root: Path, ledger: Ledger, run_id: str
) -> Iterator[Examples | Model | Verdict]:
    """What a run's steps made or used, the last step's first, and what that came out of."""
    for execution in reversed(ledger.executions(run_id)):
        for fingerprint in (execution.fingerprint, *ledger.upstream(execution.fingerprint)):
            yield from find_artifacts(root, ledger, fingerprint)


def find_training_examples(root: Path, ledger: Ledger, digest: str) -> Examples:
    """The examples that a model was trained on.

    Args:
        root: where it was trained.
        ledger: the root's.
        digest: of the model's bundle.

    Raises:
        BadDataError: it was not trained in this root, or the examples were deleted since.
    """
    trained = ledger.model(digest)
    if trained is None:
        raise BadDataError(
            f"no run in {root} made this model, so its examples are not known",
            expected="a model that the root's ledger knows",
            got=f"digest {digest}",
            remedy="name the root that it was trained in with --root DIR, or name image files",
        )
    for fingerprint in ledger.upstream(trained):
        for artifact in find_artifacts(root, ledger, fingerprint):
            if isinstance(artifact, Examples):
                return artifact
    raise BadDataError(
        "the examples that this model was trained on are gone",
        expected=f"them in {root / 'artifacts'}",
        got="nothing there",
        remedy="run the model's recipe with --until ingest, or name image files",
    )


def find_verdict(
    root: Path, ledger: Ledger, run_id: str, *, verify: bool = False
) -> Verdict | None:
    """The last verdict that a run's steps came to, if it still lies there.

    Raises:
        BadDataError: with `verify`, its bytes are not those that were sealed.
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
            f"{slot.path / damaged} is not as it was made",
            expected="the bytes whose digest its manifest holds",
            follows="the verdict counts for nothing",
            remedy="run the recipe again: what is damaged is made again",
        )


def find_judged_model(root: Path, ledger: Ledger, verdict: Verdict) -> Model | None:
    """The model that a verdict is about, if it still lies there."""
    fingerprint = ledger.model(verdict.model_digest)
    for artifact in find_artifacts(root, ledger, fingerprint) if fingerprint else ():
        if isinstance(artifact, Model) and artifact.digest == verdict.model_digest:
            return artifact
    return None


def read_verdict(ledger: Ledger, verdict: Verdict) -> dict[str, Any]:
    """A verdict as its file has it, and under "override" who pushed against it since, and why."""
    content = read_document(verdict.path / "verdict.json")
    against = [p for p in ledger.pushes(verdict.model_digest) if applies_to(p.rules, content)]
    if not against:
        return content
    return {**content, "override": {**asdict(against[-1]), "rules": list(against[-1].rules)}}
