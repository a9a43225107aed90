"""Delete old versions, and the leftovers of killed pushes, under the lock of a push."""

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
    """Delete Penstock's versions except the newest `keep`; other folders are not touched.

    The best version is kept too, as are those that the push records of kept versions name as best.

    A version is hidden by one rename before its files are deleted, so that no incomplete version is
    ever visible. A failure is logged, and the next push tries again.
    """
    paths = list(version_folders(folder).values())
    newest = {identify_version(path): path for path in paths}
    needed = {newest.get(digest) for digest in list_needed_digests(paths[-keep:])}
    for path in paths[:-keep]:
        if is_ours(path) and (path / PUSH_RECORD).is_file() and path not in needed:
            with _log_os_errors(f"cannot delete the old version {path}"):
                hidden = path.rename(folder / f"{_RETIRED}{uuid.uuid4().hex}")
                fsync_path(folder)  # otherwise a power cut could restore the name without the files
                shutil.rmtree(hidden)


def remove_leftovers(folder: Path, staging: str) -> None:
    """Delete the incomplete versions that killed pushes left.

    Args:
        folder: the model's folder; its lock must be held, so that no push is running.
        staging: prefix of the names of incomplete versions.
    """
    for prefix in (staging, _RETIRED):
        for entry in folder.glob(f"{prefix}*"):
            with _log_os_errors(f"cannot delete {entry}, a leftover of a killed push"):
                shutil.rmtree(entry)


@contextmanager
def _log_os_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.warning("%s: %s", what, error)
