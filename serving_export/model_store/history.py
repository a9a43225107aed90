"""List the versions in a model's folder: their state and their push records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.errors import BadDataError
from serving_export.bundle.manifest import (
    find_push_record,
    read_manifest,
    read_push_record,
    verify_version,
)
from serving_export.model_store.best import read_best_digest
from serving_export.model_store.layout import (
    identify_version,
    is_ours,
    newest_version,
    version_folders,
)

State = Literal["whole", "damaged", "unmanaged"]


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a model."""

    number: int
    path: Path
    serves: bool  # whether it is the highest, which TensorFlow Serving serves
    best: bool  # whether it is the best one pushed, which the gate compares each candidate with
    state: State  # "unmanaged": not pushed by Penstock: no manifest, or a link
    digest: str | None  # of the bundle, if the version is whole
    model: str | None  # digest of what the model computes, if the version is whole
    problem: str | None  # what is wrong, if it is damaged
    record: dict[str, Any]  # its push record; empty where it has none, or an invalid one


def list_versions(folder: Path) -> list[Version]:
    """Inspect the versions in a model's folder, the oldest first; all bytes are read.

    Raises:
        OSError: a file cannot be read.
    """
    return [inspect_version(path) for path in version_folders(folder).values()]


def inspect_version(path: Path) -> Version:
    """Inspect the version in a folder; all bytes are read."""
    state: State = "unmanaged"
    digest, model, problem, record = None, None, None, {}
    if is_ours(path):
        try:
            digest, record = verify_version(path), read_push_record(path)
            model = read_manifest(path).model_digest
            state = "whole"
        except BadDataError as error:
            state, problem = "damaged", error.what
            record = find_push_record(path)
    return Version(
        number=int(path.name),
        path=path,
        serves=newest_version(path.parent) == int(path.name),
        best=identify_version(path) == read_best_digest(path.parent),
        state=state,
        digest=digest,
        model=model,
        problem=problem,
        record=record,
    )
