"""The models that a candidate is held against: what serves now, and the best version ever pushed.

Read without TensorFlow, when a step is planned: what is found goes into its fingerprint.
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
    """What a candidate is held against. A version is named by its bundle's digest."""

    # the model that serves; "none", or "unmanaged:N" where version N has no manifest of ours
    baseline: str = NONE
    # the best version ever pushed, which may be the one that serves; "unknown:N" where the record
    # of version N, which says so, cannot be read
    best: str = NONE
    # the version that the candidate itself was, and the one that replaced it
    replaced: tuple[int, int] | None = None
    # of those two, what nobody vouches for and is not loaded: digest → why not, and what to do
    untrusted: dict[str, str] = field(default_factory=dict)


def find_reference_models(model_dir: Path, candidate: Path | None) -> ReferenceModels:
    """Find what serves in a model's folder now, and what is the best.

    A candidate that serves already is held against what it was held against when it was pushed:
    nothing has changed for it, and it is not judged again. Another bundle of the very model that
    serves is held against that, like any other candidate, for nobody knows of a model that is not
    trained yet that it will be the same; the push then finds that it serves.

    Args:
        model_dir: `<serving>/<model>`; need not exist.
        candidate: its bundle; None where it is not trained yet.
    """
    folders = version_folders(model_dir)
    if not folders:
        return ReferenceModels()
    newest = max(folders)
    if candidate is not None and identify_version(folders[newest]) == identify_version(candidate):
        record = _record(folders[newest])
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
    """The newest version's folder, if it is the model of this bundle."""
    newest, model = newest_folder(model_dir), read_model_digest(candidate)
    return newest if newest and model is not None and read_model_digest(newest) == model else None


def find_version(model_dir: Path, digest: str) -> tuple[int, Path] | None:
    """The highest version that is this model, by its manifest; None where none is."""
    for version, path in reversed(version_folders(model_dir).items()):
        if identify_version(path) == digest:
            return version, path
    return None


def _record(version: Path) -> dict[str, Any]:
    """What its push said; nothing where that cannot be read."""
    try:
        return read_document(version / PUSH_RECORD)
    except PenstockError:
        return {}
