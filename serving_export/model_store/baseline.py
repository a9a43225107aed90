"""The models that a candidate is held against: what serves now, and the best of the last pushes.

Read without TensorFlow, when a step is planned: what is found goes into its fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.base.durable_files import read_json
from data.errors import PenstockError
from serving_export.bundle.manifest import PUSH_RECORD
from serving_export.model_store.layout import identity, newest_folder, version_folders

NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Against:
    """What a candidate is held against. A model is named by its bundle's digest."""

    # the model that serves; "none", or "foreign:N" where version N has no manifest of ours
    baseline: str = NONE
    # the best of the last pushes, where it is another
    best: str = NONE
    # the version that the candidate itself was, and the one that replaced it
    replaced: tuple[int, int] | None = None
    # of those two, what nobody vouches for and is not loaded: digest → why not, and what to do
    unvouched: dict[str, str] = field(default_factory=dict)


def against(model_dir: Path, candidate: str | None, last: int) -> Against:
    """Find what serves in a model's folder now.

    A candidate that serves already is held against what it was held against when it was pushed:
    nothing has changed for it, and it is not judged again.

    Args:
        model_dir: `<serving>/<model>`; need not exist.
        candidate: its digest; None where it is not trained yet.
        last: how many pushes to take the best of.
    """
    folders = version_folders(model_dir)
    if not folders:
        return Against()
    newest = max(folders)
    serving = identity(folders[newest])
    if candidate is not None and serving == candidate:
        record = _record(folders[newest])
        replaced = record.get("replaced")
        return Against(
            baseline=str(record.get("baseline") or NONE),
            best=str(record.get("best") or NONE),
            replaced=(int(replaced[0]), int(replaced[1])) if replaced else None,
        )
    earlier = [version for version, path in folders.items() if identity(path) == candidate]
    return Against(
        baseline=serving,
        best=_best(folders, serving, last),
        replaced=(earlier[-1], newest) if earlier else None,
    )


def serves(model_dir: Path, digest: str) -> Path | None:
    """The newest version's folder, if it is this model."""
    newest = newest_folder(model_dir)
    return newest if newest is not None and identity(newest) == digest else None


def find(model_dir: Path, digest: str) -> tuple[int, Path] | None:
    """The highest version that is this model, by its manifest; None where none is."""
    for version, path in reversed(version_folders(model_dir).items()):
        if identity(path) == digest:
            return version, path
    return None


def _best(folders: Mapping[int, Path], serving: str, last: int) -> str:
    """The most accurate of the last pushes, each as it was judged then."""
    known = list(folders)[-last:] if last else []
    records = {version: _record(folders[version]) for version in known}
    # What a rollback took out of service is no example to follow.
    withdrawn = {
        version
        for later, record in records.items()
        for version in known
        if isinstance(record.get("rollback_of"), int) and record["rollback_of"] < version < later
    }
    scores = {
        version: record["accuracy"]
        for version, record in records.items()
        if version not in withdrawn and isinstance(record.get("accuracy"), float)
    }
    best = max(scores, key=lambda v: (scores[v], v), default=max(folders))
    digest = identity(folders[best])
    return NONE if digest == serving or digest.startswith("foreign") else digest


def _record(version: Path) -> dict[str, Any]:
    """What its push said; nothing where that cannot be read."""
    try:
        found = read_json(version / PUSH_RECORD)
    except PenstockError:
        return {}
    return found if isinstance(found, dict) else {}
