"""What a push removes: old versions, and what killed pushes left. Called under the push's lock."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.files.durable_files import fsync_path
from serving_export.bundle.manifest import PUSH_RECORD
from serving_export.model_store.best import list_needed_digests
from serving_export.model_store.layout import identify_version, is_ours, version_folders

LEAST_KEPT = 2  # the version that serves, and the one before it
_RETIRED = ".retired-"
_log = logging.getLogger("penstock")


def retire(folder: Path, keep: int) -> None:
    """Delete what Penstock pushed before the newest `keep` versions; what others put there stays.

    The best version stays too, however old: what a version that is kept names so.

    A version is hidden by one rename before its first file goes, so that no half of it is ever
    seen as a version. What cannot be deleted is logged and left to the next push.
    """
    found = list(version_folders(folder).values())
    newest = {identify_version(path): path for path in found}
    needed = {newest.get(digest) for digest in list_needed_digests(found[-keep:])}
    for path in found[:-keep]:
        if is_ours(path) and (path / PUSH_RECORD).is_file() and path not in needed:
            with _tolerated(f"cannot delete the old version {path}"):
                hidden = path.rename(folder / f"{_RETIRED}{uuid.uuid4().hex}")
                fsync_path(folder)  # else a power cut could bring back the name without the files
                shutil.rmtree(hidden)


def remove_leftovers(folder: Path, staging: str) -> None:
    """Remove what pushes that were killed left half made or half deleted.

    Args:
        folder: the model's folder. Under the lock, no such rest belongs to a living process.
        staging: the beginning of the names of half made versions.
    """
    for prefix in (staging, _RETIRED):
        for entry in folder.glob(f"{prefix}*"):
            with _tolerated(f"cannot delete {entry}, which a push left"):
                shutil.rmtree(entry)


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.warning("%s: %s", what, error)
