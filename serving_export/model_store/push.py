"""Push a bundle to where models are served: `<serving>/<model>/<version>`, by one rename.

TensorFlow Serving loads the highest integer folder as soon as it exists, so a version is written
under a name that is not an integer, and renamed when it is complete.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.base.waits import SECONDS
from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.documents import write_document
from data.files.durable_files import fsync_path, fsync_tree, translate_disk_errors
from serving_export.bundle.manifest import (
    MANIFEST,
    PUSH_FILES,
    PUSH_RECORD,
    read_manifest,
    verify_bundle,
    verify_version,
)
from serving_export.model_store.best import BEST_SO_FAR, choose_best, read_best_until
from serving_export.model_store.expected_state import ANY, ExpectedState
from serving_export.model_store.layout import (
    model_folder,
    newest_folder,
    next_version,
    read_model_digest,
)
from serving_export.model_store.retention import LEAST_KEPT, remove_leftovers, retire

PushGuard = Callable[[Path, str], AbstractContextManager[None]]  # entered during the rename

_STAGING = ".staging-"
_LOCK = ".push.lock"


def push(
    bundle: Path,
    serving_dir: Path,
    model_name: str,
    *,
    digest: str | None = None,
    record: Mapping[str, Any],
    files: Mapping[str, bytes] | None = None,
    expected_serving: str | None = ANY,
    best: str = ANY,
    resets_best: bool = False,
    keep: int | None = None,
    guard: PushGuard = lambda *_: nullcontext(),
    progress: Callable[..., None] = lambda *_: None,
) -> tuple[int, Path]:
    """Copy a bundle to the model's next version.

    Args:
        bundle: the bundle's folder.
        serving_dir: created if it does not exist.
        model_name: folder in `serving_dir`.
        digest: the expected digest of the bundle, if known.
        record: JSON-able facts about this push, with `accuracy` and `examples`. They are written to
            `push.json` with `version`, `digest`, `time` (seconds since the epoch), `best_so_far`,
            `resets_best` and `files`: the sha256 of each further file. A `time` or
            `best_so_far` in `record` is kept.
        files: content of further files to write next to the manifest, by names of
            `manifest.PUSH_FILES`.
        expected_serving: the version that must serve until the new one appears, as
            `layout.identify_serving_version` returns it; None: no version. `ANY`: not checked.
        best: the version that must be the best until then, as `best.read_best_digest` returns it.
        resets_best: whether earlier versions no longer count as the best.
        keep: number of newest versions to keep, 2 or more; older ones that Penstock pushed are
            deleted. None: all.
        guard: called with the version's folder and the digest. The context manager that it returns
            is entered during the rename, or where the bundle serves already, and may raise to
            forbid the push.
        progress: called with (done, total, current activity).

    Returns:
        Version and its folder. Where the newest version has this very model, that version, unless
        `resets_best` requires a new record.

    Raises:
        ConfigError: invalid model name, `keep`, or name in `files`.
        BadDataError: the bundle, or its copy, does not match its manifest.
        StepError: the serving version or the best version is not the expected one.
        EnvironmentTrouble: the disk is full, or another push does not finish.
    """
    folder = model_folder(serving_dir, model_name)
    files = files or {}
    _check_arguments(files, keep)
    digest = verify_bundle(bundle, digest)
    with translate_disk_errors(f"cannot push to {folder}"):
        _create_durably(folder)
        with _lock_folder(folder, progress):
            remove_leftovers(folder, _STAGING)
            newest = newest_folder(folder)
            serves = newest is not None and read_model_digest(newest) == read_model_digest(bundle)
            if newest is not None and serves and _is_whole(newest) and not resets_best:
                target = newest
                with guard(target, digest):
                    fsync_path(folder)  # for an earlier push that failed right after its rename
            else:
                progress(0, None, f"pushing {model_name}")
                # A serving version that is damaged passed before: it is only repaired.
                expected = ExpectedState() if serves else ExpectedState(expected_serving, best)
                target = _push_locked(
                    bundle, folder, digest, record, files, expected, resets_best, guard
                )
            if keep is not None:
                retire(folder, keep)
            return int(target.name), target


def _check_arguments(files: Mapping[str, bytes], keep: int | None) -> None:
    allowed = PUSH_FILES - {PUSH_RECORD}
    if not files.keys() <= allowed:
        raise ConfigError(
            "invalid names of files to push with a model",
            expected=", ".join(sorted(allowed)),
            got=", ".join(sorted(files.keys() - allowed)),
            remedy="pass files with the expected names only",
        )
    if keep is not None and keep < LEAST_KEPT:
        raise ConfigError(
            "too few versions to keep",
            expected=f"{LEAST_KEPT} or more: the serving version and the one before it",
            got=keep,
            remedy="set a higher number, or none to keep all",
        )


def _create_durably(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        fsync_path(created.parent)


@contextmanager
def _lock_folder(folder: Path, progress: Callable[..., None]) -> Iterator[None]:
    """Allow one push at a time to a model's folder; the end of a process releases its lock."""
    lock = FileLock(folder / _LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(0, None, "waiting for another push to finish")
            lock.acquire(timeout=SECONDS["PUSH"])
    except Timeout as error:
        raise EnvironmentTrouble(
            f"another push to {folder} does not finish",
            got=f"its lock {folder / _LOCK} is held for more than {SECONDS['PUSH']:g} s",
            follows="nothing was pushed",
            remedy="find the process that holds it, then run the same command again; "
            "PENSTOCK_WAIT_PUSH sets how long to wait",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _push_locked(
    bundle: Path,
    folder: Path,
    digest: str,
    record: Mapping[str, Any],
    files: Mapping[str, bytes],
    expected: ExpectedState,
    resets_best: bool,
    guard: PushGuard,
) -> Path:
    expected.check(folder)  # before the copy, and again right before the rename
    staging = folder / f"{_STAGING}{uuid.uuid4().hex}"
    try:
        _copy(bundle, staging, files)
        version = next_version(folder)
        digests = {n: hashlib.sha256(content).hexdigest() for n, content in sorted(files.items())}
        facts = {"version": version, "digest": digest, "files": digests}
        content = {"time": time.time(), "resets_best": resets_best, **record, **facts}
        content[BEST_SO_FAR] = content.get(BEST_SO_FAR) or _find_best(folder, content)
        write_document(staging / PUSH_RECORD, content)
        verify_version(staging, digest)
        with guard(folder / str(version), digest):
            expected.check(folder)
            target = staging.rename(folder / str(version))
            fsync_path(folder)
        return target
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _find_best(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best version after this push."""
    before = None if record["resets_best"] else read_best_until(folder, record["version"])
    facts = ("version", "digest", "accuracy", "examples")
    return choose_best(before, {name: record.get(name) for name in facts})


def _copy(bundle: Path, staging: Path, files: Mapping[str, bytes]) -> None:
    """Copy the files that the manifest lists, and those of the push, and flush them to disk."""
    for name in (MANIFEST, *read_manifest(bundle).files):
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, target)
    for name, content in files.items():
        (staging / name).write_bytes(content)
    fsync_tree(staging)


def _is_whole(version: Path) -> bool:
    try:
        return bool(verify_version(version))
    except BadDataError:
        return False
