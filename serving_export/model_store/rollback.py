"""Roll back: push the bytes of an earlier version again, so that versions only ever grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from data.errors import BadDataError, ConfigError
from data.files.durable_files import translate_disk_errors
from serving_export.bundle.manifest import BESIDE, PUSH_RECORD, find_push_record
from serving_export.model_store.best import BEST_SO_FAR, read_best_until
from serving_export.model_store.history import Version, inspect_version, list_versions
from serving_export.model_store.layout import (
    identify_serving_version,
    model_folder,
    version_folder,
    version_folders,
)
from serving_export.model_store.push import push


def rollback(
    serving_dir: Path,
    model_name: str,
    *,
    to: int | None = None,
    by: str,
    reason: str,
    clock: Callable[[], float] = time.time,
) -> tuple[int, Path]:
    """Push an earlier version's bytes, and what lies beside them, under the next integer.

    Nothing is renamed away or deleted. The new version's `push.json` is the old one's, with
    `rollback_of`, `by`, `reason` and `time` of the rollback: the best version is again what it was
    then.

    Args:
        serving_dir, model_name: as for `push`.
        to: the version to go back to. None: the newest whole one that is older than the one that
            serves and of another model. Where that one came by a rollback itself, older than the
            version that it brought back: what was rolled back from does not come again unasked.
        by: who wants it.
        reason: why.
        clock: seconds since the epoch.

    Returns:
        The new version and its folder.

    Raises:
        ConfigError: no such version, nothing to go back to, or it serves already.
        BadDataError: the version is not whole, or no model that Penstock pushed.
        StepError: another push came between.
        EnvironmentTrouble: the disk would not take it, or another push does not end.
    """
    folder = model_folder(serving_dir, model_name)
    with translate_disk_errors(f"cannot roll back in {folder}"):
        serving = identify_serving_version(folder)
        old = _earlier(folder) if to is None else _named(folder, to)
        names = sorted(BESIDE - {PUSH_RECORD})
        beside = {n: (old.path / n).read_bytes() for n in names if (old.path / n).is_file()}
    record = {
        **old.record,
        # What was rolled back from counts no longer.
        BEST_SO_FAR: read_best_until(folder, old.number)
        or {"version": old.number, "digest": old.digest},
        "rollback_of": old.number,
        "by": by,
        "reason": reason,
        "time": clock(),
    }
    return push(
        old.path,
        serving_dir,
        model_name,
        digest=old.digest,
        record=record,
        files=beside,
        expected_serving=serving,
    )


def _named(folder: Path, to: int) -> Version:
    """The version that was asked for."""
    known = version_folders(folder)
    if to not in known:
        raise ConfigError(
            f"there is no version {to} in {folder}",
            expected=_listed(folder),
            got=to,
            follows="nothing was pushed",
        )
    old, serving = (inspect_version(known[number]) for number in (to, max(known)))
    if old.state != "whole":
        raise BadDataError(
            f"version {to} in {folder} cannot be served again",
            expected="a whole version that Penstock pushed",
            got=old.problem or "a link, or a folder without a manifest of ours",
            follows="nothing was pushed",
            remedy=f"name another: {_listed(folder)}",
        )
    if old.model == serving.model:
        raise ConfigError(
            f"version {serving.number} in {folder} is version {to} already",
            expected="a version of another model than the one that serves",
            got=f"digest {old.digest}",
            follows="nothing was pushed",
        )
    return old


def _earlier(folder: Path) -> Version:
    """The version that a rollback goes to unless one is named."""
    known = version_folders(folder)
    serving = inspect_version(known[max(known)]) if known else None
    for number in reversed(known):
        if serving and number < _origin(serving):
            version = inspect_version(known[number])
            if version.state == "whole" and version.model != serving.model:
                return version
    raise ConfigError(
        f"there is no version in {folder} to go back to",
        expected="a whole version of another model, older than the one that serves",
        got=_listed(folder),
        follows="nothing was pushed",
        remedy="name one with --to, or push another model",
    )


def _origin(version: Version) -> int:
    """The version that a chain of rollbacks brought back; a version's own number where none did."""
    number, record = version.number, version.record
    while isinstance(earlier := record.get("rollback_of"), int) and earlier < number:
        number, record = earlier, find_push_record(version_folder(version.path.parent, earlier))
    return number


def _listed(folder: Path) -> str:
    words = {"whole": "", "damaged": " (damaged)", "unmanaged": " (not ours)"}
    return (
        ", ".join(f"{v.number}{words[v.state]}" for v in list_versions(folder))
        or "no versions at all"
    )
