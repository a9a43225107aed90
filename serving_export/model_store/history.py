"""What lies in a model's folder: each version, whether it is whole, and who pushed it why."""

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
    serves: bool  # the highest: the one that TensorFlow Serving takes
    best: bool  # the best of those pushed: what the gate holds every candidate against
    state: State  # "unmanaged": no manifest of ours, or a link
    digest: str | None  # of the bundle, where it is whole
    model: str | None  # what names the model in it, whatever the bytes, where it is whole
    problem: str | None  # what is wrong with it, where it is damaged
    record: dict[str, Any]  # of its push; empty where it has none that can be read


def list_versions(folder: Path) -> list[Version]:
    """The versions in a model's folder, the oldest first; every byte of each is read.

    Raises:
        OSError: something there cannot be read.
    """
    return [inspect_version(path) for path in version_folders(folder).values()]


def inspect_version(path: Path) -> Version:
    """One version, of its folder; every byte of it is read."""
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
