"""Push a bundle to where models are served: `<serving>/<model>/<version>`, by one rename.

TensorFlow Serving loads the highest integer folder as soon as it sees it, so a version is made
under a name that is no integer and becomes visible whole or not at all.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.durable import disk_trouble, fsync_path, fsync_tree, write_json
from data.errors import BadDataError, EnvironmentTrouble
from serving_export.manifest import PUSH_RECORD, verify_bundle
from serving_export.versions import model_folder, newest_version, next_version

_STAGING = ".staging-"
_LOCK = ".push.lock"
_WAIT = 600  # seconds for another push to end


def push(
    bundle: Path,
    serving_dir: Path,
    model_name: str,
    *,
    digest: str | None = None,
    record: dict[str, Any],
) -> tuple[int, Path]:
    """Copy a bundle to the model's next version.

    Args:
        bundle: the bundle's folder.
        serving_dir: made where it does not exist.
        model_name: folder in `serving_dir`.
        digest: what the bundle's digest must be, where the caller knows.
        record: JSON-able facts about this push, laid beside the manifest as `push.json`.

    Returns:
        Version and its folder. Where the newest version is this very bundle, that one.

    Raises:
        ConfigError: the name cannot be a model's.
        BadDataError: the bundle, or its copy read back, is not what its manifest says.
        EnvironmentTrouble: the disk would not take it, or another push does not end.
    """
    folder = model_folder(serving_dir, model_name)
    digest = verify_bundle(bundle, digest)
    with disk_trouble(f"cannot push to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / _LOCK, timeout=_WAIT):
                _sweep(folder)
                newest = newest_version(folder)
                if newest is not None and _holds(folder / str(newest), digest):
                    return newest, folder / str(newest)
                return _push_locked(bundle, folder, digest, record)
        except Timeout as error:
            raise EnvironmentTrouble(
                f"another push to {folder} does not end",
                got=f"its lock {folder / _LOCK} held for {_WAIT} s",
                remedy="see what holds it, then run the same command again",
            ) from error


def _push_locked(
    bundle: Path, folder: Path, digest: str, record: dict[str, Any]
) -> tuple[int, Path]:
    staging = folder / f"{_STAGING}{uuid.uuid4().hex}"
    try:
        shutil.copytree(bundle, staging, ignore=shutil.ignore_patterns(PUSH_RECORD))
        fsync_tree(staging)
        verify_bundle(staging, digest)
        version = next_version(folder)
        write_json(staging / PUSH_RECORD, {**record, "version": version, "digest": digest})
        target = staging.rename(folder / str(version))
        fsync_path(folder)
        return version, target
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what killed pushes left. Under the lock, every staging folder is of a dead process."""
    for entry in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(entry)


def _holds(version: Path, digest: str) -> bool:
    try:
        verify_bundle(version, digest)
    except BadDataError:
        return False
    return True
