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
from serving_export.model_store.best import NONE, best_digest
from serving_export.model_store.layout import identity, model_of, newest_folder, version_folders


@dataclass(frozen=True, kw_only=True)
class Against:
    """What a candidate is held against. A version is named by its bundle's digest."""

    # the model that serves; "none", or "foreign:N" where version N has no manifest of ours
    baseline: str = NONE
    # the best version ever pushed, which may be the one that serves; "unknown:N" where the record
    # of version N, which says so, cannot be read
    best: str = NONE
    # the version that the candidate itself was, and the one that replaced it
    replaced: tuple[int, int] | None = None
    # of those two, what nobody vouches for and is not loaded: digest → why not, and what to do
    unvouched: dict[str, str] = field(default_factory=dict)


def against(model_dir: Path, candidate: Path | None) -> Against:
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
        return Against()
    newest = max(folders)
    if candidate is not None and identity(folders[newest]) == identity(candidate):
        record = _record(folders[newest])
        replaced = record.get("replaced")
        return Against(
            baseline=str(record.get("baseline") or NONE),
            best=str(record.get("best") or NONE),
            replaced=(int(replaced[0]), int(replaced[1])) if replaced else None,
        )
    model = None if candidate is None else model_of(candidate)
    same = [v for v, path in folders.items() if model is not None and model_of(path) == model]
    return Against(
        baseline=identity(folders[newest]),
        best=best_digest(model_dir),
        replaced=(same[-1], newest) if same and same[-1] != newest else None,
    )


def serves(model_dir: Path, candidate: Path) -> Path | None:
    """The newest version's folder, if it is the model of this bundle."""
    newest, model = newest_folder(model_dir), model_of(candidate)
    return newest if newest and model is not None and model_of(newest) == model else None


def find(model_dir: Path, digest: str) -> tuple[int, Path] | None:
    """The highest version that is this model, by its manifest; None where none is."""
    for version, path in reversed(version_folders(model_dir).items()):
        if identity(path) == digest:
            return version, path
    return None


def _record(version: Path) -> dict[str, Any]:
    """What its push said; nothing where that cannot be read."""
    try:
        return read_document(version / PUSH_RECORD)
    except PenstockError:
        return {}
