"""Find the models that a candidate is compared with: the serving one, and the best ever pushed.

This runs without TensorFlow when a step is planned; the result is part of its fingerprint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import PenstockError
from data.files.documents import read_document
from serving_export.bundle.manifest import PUSH_RECORD
from serving_export.model_store.best import NONE, read_best_digest
from serving_export.model_store.layout import (
    identify_version,
    newest_folder,
    read_model_digest,
    version_folders,
)


@dataclass(frozen=True, kw_only=True)
class ReferenceModels:
    """The models that a candidate is compared with, by the digests of their bundles."""

    baseline: str = NONE
    """The model that serves now; "unmanaged:N" if version N has no manifest of Penstock's."""
    best: str = NONE
    """The best version ever pushed, which may be the one that serves; "unknown:N" if the push
    record of version N cannot be read."""
    replaced: tuple[int, int] | None = None
    """If the candidate served before: its version, and the version that serves now."""
    untrusted: dict[str, str] = field(default_factory=dict)
    """Those of the two that are not trusted, so they are not loaded: digest → reason and remedy."""


def find_reference_models(model_dir: Path, candidate: Path | None) -> ReferenceModels:
    """Find the model that serves in a model's folder, and the best one.

    A candidate that serves already is compared with the same models as when it was pushed, so that
    it is not evaluated again. Another bundle of the serving model is compared with it like any
    other candidate, because before a training nobody can know that it will give the same model; the
    push then finds that the model serves already.

    Args:
        model_dir: `<serving>/<model>`; need not exist.
        candidate: the candidate's bundle; None before the training.
    """
    folders = version_folders(model_dir)
    if not folders:
        return ReferenceModels()
    newest = max(folders)
    if candidate is not None and identify_version(folders[newest]) == identify_version(candidate):
        record = _read_record(folders[newest])
        replaced = record.get("replaced")
        return ReferenceModels(
            baseline=str(record.get("baseline") or NONE),
            best=str(record.get("best") or NONE),
            replaced=(int(replaced[0]), int(replaced[1])) if replaced else None,
        )
    model = None if candidate is None else read_model_digest(candidate)
    same = [
        v for v, path in folders.items() if model is not None and read_model_digest(path) == model
    ]
    return ReferenceModels(
        baseline=identify_version(folders[newest]),
        best=read_best_digest(model_dir),
        replaced=(same[-1], newest) if same and same[-1] != newest else None,
    )


def find_serving_version(model_dir: Path, candidate: Path) -> Path | None:
    """Return the newest version's folder if it has the model of this bundle, otherwise None."""
    newest, model = newest_folder(model_dir), read_model_digest(candidate)
    return newest if newest and model is not None and read_model_digest(newest) == model else None


def find_version(model_dir: Path, digest: str) -> tuple[int, Path] | None:
    """Return the highest version whose bundle has this digest, by its manifest; None if none."""
    for version, path in reversed(version_folders(model_dir).items()):
        if identify_version(path) == digest:
            return version, path
    return None


def _read_record(version: Path) -> dict[str, Any]:
    """Read a push record; empty where it cannot be read."""
    try:
        return read_document(version / PUSH_RECORD)
    except PenstockError:
        return {}
