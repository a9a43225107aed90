"""Push a bundle to where models are served: `<serving>/<model>/<version>`, by one rename.

TensorFlow Serving loads the highest integer folder as soon as it sees it, so a version is made
under a name that is no integer and becomes visible whole or not at all.
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
    BESIDE,
    MANIFEST,
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

PushGuard = Callable[[Path, str], AbstractContextManager[None]]  # entered over the rename

_STAGING = ".staging-"
_LOCK = ".push.lock"


def push(
    bundle: Path,
    serving_dir: Path,
    model_name: str,
    *,
    digest: str | None = None,
    record: Mapping[str, Any],
    beside: Mapping[str, bytes] | None = None,
    judged_against: str | None = ANY,
    best: str = ANY,
    resets_best: bool = False,
    keep: int | None = None,
    guard: PushGuard = lambda *_: nullcontext(),
    progress: Callable[..., None] = lambda *_: None,
) -> tuple[int, Path]:
    """Copy a bundle to the model's next version.

    Args:
        bundle: the bundle's folder.
        serving_dir: made where it does not exist.
        model_name: folder in `serving_dir`.
        digest: what the bundle's digest must be, where the caller knows.
        record: JSON-able facts about this push; `accuracy` and `examples` say how good it is.
            `push.json`, beside the manifest, has them, and `version`, `digest`, `time` (seconds
            since the epoch, unless `record` says), `best_so_far` (see `best`, unless `record` says)
            and `beside`: the sha256 of each file laid there.
        beside: content of further files to lay beside the manifest, by names of
            `manifest.BESIDE`.
        judged_against: what must serve when the new version appears, as
            `layout.identify_serving_version` names it; None: nothing may. `ANY`: not checked.
        best: what must be the best version until then, as `best.read_best_digest` names it.
        resets_best: from this version on, those before it count no longer as the best.
        keep: how many of the newest versions to keep, 2 or more; older ones that Penstock pushed
            are deleted. None: all.
        guard: called with the version's folder and the digest; what it gives is entered over the
            rename, or where this very bundle serves already, and may raise to forbid it.
        progress: called with (done, total, what is being done).

    Returns:
        Version and its folder. Where the newest version is this very model, that one, unless the
        push begins anew: that must be on record.

    Raises:
        ConfigError: the name cannot be a model's; `keep` or a name in `beside` is not allowed.
        BadDataError: the bundle, or its copy read back, is not what its manifest says.
        StepError: another model serves than the one that the bundle was judged against, or another
            version is the best.
        EnvironmentTrouble: the disk would not take it, or another push does not end.
    """
    folder = model_folder(serving_dir, model_name)
    beside = beside or {}
    _check(beside, keep)
    digest = verify_bundle(bundle, digest)
    with translate_disk_errors(f"cannot push to {folder}"):
        _make_durable(folder)
        with _turn(folder, progress):
            remove_leftovers(folder, _STAGING)
            newest = newest_folder(folder)
            serves = newest is not None and read_model_digest(newest) == read_model_digest(bundle)
            if newest is not None and serves and _is_whole(newest) and not resets_best:
                target = newest
                with guard(target, digest):
                    fsync_path(folder)  # a push that failed right after its rename did not
            else:
                progress(0, None, f"pushing {model_name}")
                # What serves already, and is damaged, was judged: it is only made whole again.
                judged = ExpectedState() if serves else ExpectedState(judged_against, best)
                target = _push_locked(
                    bundle, folder, digest, record, beside, judged, resets_best, guard
                )
            if keep is not None:
                retire(folder, keep)
            return int(target.name), target


def _check(beside: Mapping[str, bytes], keep: int | None) -> None:
    allowed = BESIDE - {PUSH_RECORD}
    if not beside.keys() <= allowed:
        raise ConfigError(
            "these files have no place beside a model",
            expected=", ".join(sorted(allowed)),
            got=", ".join(sorted(beside.keys() - allowed)),
        )
    if keep is not None and keep < LEAST_KEPT:
        raise ConfigError(
            "too few versions would be kept",
            expected=f"{LEAST_KEPT} or more: the one that serves and the one before it",
            got=keep,
            remedy="keep more, or leave it unset to keep all",
        )


def _make_durable(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        fsync_path(made.parent)


@contextmanager
def _turn(folder: Path, progress: Callable[..., None]) -> Iterator[None]:
    """One push at a time in a model's folder; the lock ends with the process that holds it."""
    lock = FileLock(folder / _LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(0, None, "waiting for another push to end")
            lock.acquire(timeout=SECONDS["PUSH"])
    except Timeout as error:
        raise EnvironmentTrouble(
            f"another push to {folder} does not end",
            got=f"its lock {folder / _LOCK} guard for {SECONDS['PUSH']:g} s",
            follows="nothing was pushed",
            remedy="see what holds it, then run the same command again; "
            "PENSTOCK_WAIT_PUSH says how long to wait",
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
    beside: Mapping[str, bytes],
    judged: ExpectedState,
    resets_best: bool,
    guard: PushGuard,
) -> Path:
    judged.check(folder)  # before the work, and again right before the rename
    staging = folder / f"{_STAGING}{uuid.uuid4().hex}"
    try:
        _copy(bundle, staging, beside)
        version = next_version(folder)
        digests = {n: hashlib.sha256(content).hexdigest() for n, content in sorted(beside.items())}
        known = {"version": version, "digest": digest, "files": digests}
        told = {"time": time.time(), "resets_best": resets_best, **record, **known}
        told[BEST_SO_FAR] = told.get(BEST_SO_FAR) or _best(folder, told)
        write_document(staging / PUSH_RECORD, told)
        verify_version(staging, digest)
        with guard(folder / str(version), digest):
            judged.check(folder)
            target = staging.rename(folder / str(version))
            fsync_path(folder)
        return target
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _best(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The best version once this one is pushed."""
    before = None if record["resets_best"] else read_best_until(folder, record["version"])
    facts = ("version", "digest", "accuracy", "examples")
    return choose_best(before, {name: record.get(name) for name in facts})


def _copy(bundle: Path, staging: Path, beside: Mapping[str, bytes]) -> None:
    """Copy what the manifest names, and nothing else, down to the disk itself."""
    for name in (MANIFEST, *read_manifest(bundle).files):
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, target)
    for name, content in beside.items():
        (staging / name).write_bytes(content)
    fsync_tree(staging)


def _is_whole(version: Path) -> bool:
    try:
        return bool(verify_version(version))
    except BadDataError:
        return False
