"""The models that a candidate is held against: what serves now, and the best of the last pushes.

Read without TensorFlow, when a step is planned: what is found goes into its fingerprint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.base.durable_files import read_json
from data.errors import PenstockError
from serving_export.bundle.manifest import PUSH_RECORD
from serving_export.model_store.layout import identity, newest_version, version_folder, versions

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


def against(model_dir: Path, candidate: str | None, last: int) -> Against:
    """Find what serves in a model's folder now.

    A candidate that serves already is held against what it was held against when it was pushed:
    nothing has changed for it, and it is not judged again.

    Args:
        model_dir: `<serving>/<model>`; need not exist.
        candidate: its digest; None where it is not trained yet.
        last: how many pushes to take the best of.
    """
    newest = newest_version(model_dir)
    if newest is None:
        return Against()
    serving = identity(version_folder(model_dir, newest))
    if candidate is not None and serving == candidate:
        record = _record(model_dir, newest)
        replaced = record.get("replaced")
        return Against(
            baseline=str(record.get("baseline") or NONE),
            best=str(record.get("best") or NONE),
            replaced=(int(replaced[0]), int(replaced[1])) if replaced else None,
        )
    earlier = [
        v for v in versions(model_dir) if identity(version_folder(model_dir, v)) == candidate
    ]
    return Against(
        baseline=serving,
        best=_best(model_dir, newest, serving, last),
        replaced=(earlier[-1], newest) if earlier else None,
    )


def serves(model_dir: Path, digest: str) -> Path | None:
    """The newest version's folder, if it is this model."""
    newest = newest_version(model_dir)
    folder = None if newest is None else version_folder(model_dir, newest)
    return folder if folder is not None and identity(folder) == digest else None


def find(model_dir: Path, digest: str) -> tuple[int, Path] | None:
    """The highest version that is this model, by its manifest; None where none is."""
    for version in reversed(versions(model_dir)):
        if identity(version_folder(model_dir, version)) == digest:
            return version, version_folder(model_dir, version)
    return None


def _best(model_dir: Path, newest: int, serving: str, last: int) -> str:
    """The most accurate of the last pushes, each as it was judged then."""
    known = [v for v in versions(model_dir) if v <= newest][-last:] if last else []
    records = {version: _record(model_dir, version) for version in known}
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
    best = max(scores, key=lambda v: (scores[v], v), default=newest)
    digest = identity(version_folder(model_dir, best))
    return NONE if digest == serving or digest.startswith("foreign") else digest


def _record(model_dir: Path, version: int) -> dict[str, Any]:
    """What its push said; nothing where that cannot be read."""
    try:
        found = read_json(version_folder(model_dir, version) / PUSH_RECORD)
    except PenstockError:
        return {}
    return found if isinstance(found, dict) else {}
