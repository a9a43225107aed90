"""Roll back: push the bytes of an earlier version again, under the next version number."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from data.errors import BadDataError, ConfigError
from data.files.durable_files import translate_disk_errors
from serving_export.bundle.manifest import PUSH_FILES, PUSH_RECORD, find_push_record
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
    """Push an earlier version's bytes, and the files of its push, under the next number.

    Nothing is renamed or deleted. The new `push.json` is the old one with `rollback_of`, `by`,
    `reason` and `time` of the rollback: the best version is again the one of that time.

    Args:
        serving_dir, model_name: as for `push`.
        to: the version to restore. None: the newest intact one that is older than the serving
            version and has another model. Where the serving version is itself a rollback, it must
            be older than the version that was restored, so that a version that was rolled back
            does not return by default.
        by: the person who rolls back.
        reason: why.
        clock: seconds since the epoch.

    Returns:
        The new version and its folder.

    Raises:
        ConfigError: no such version, no version to restore, or it serves already.
        BadDataError: the version is damaged, or not pushed by Penstock.
        StepError: another push came in between.
        EnvironmentTrouble: the disk is full, or another push does not finish.
    """
    folder = model_folder(serving_dir, model_name)
    with translate_disk_errors(f"cannot roll back in {folder}"):
        serving = identify_serving_version(folder)
        old = _choose_earlier(folder) if to is None else _choose_named(folder, to)
        names = sorted(PUSH_FILES - {PUSH_RECORD})
        files = {n: (old.path / n).read_bytes() for n in names if (old.path / n).is_file()}
    record = {
        **old.record,
        # the version that is rolled back no longer counts
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
        files=files,
        expected_serving=serving,
    )


def _choose_named(folder: Path, to: int) -> Version:
    """Return the version of this number, after checking that it can be restored."""
    folders = version_folders(folder)
    if to not in folders:
        raise ConfigError(
            f"{folder} has no version {to}",
            expected=_format_versions(folder),
            got=to,
            follows="nothing was pushed",
            remedy="choose one of these versions",
        )
    old, serving = (inspect_version(folders[number]) for number in (to, max(folders)))
    if old.state != "whole":
        raise BadDataError(
            f"version {to} in {folder} cannot be restored",
            expected="an intact version that Penstock pushed",
            got=old.problem or "a link, or a folder without a manifest of Penstock's",
            follows="nothing was pushed",
            remedy=f"choose another version: {_format_versions(folder)}",
        )
    if old.model == serving.model:
        raise ConfigError(
            f"the model of version {to} in {folder} serves already, as version {serving.number}",
            expected="a version with another model",
            got=f"digest {old.digest}",
            follows="nothing was pushed",
            remedy="choose another version, or keep the one that serves",
        )
    return old


def _choose_earlier(folder: Path) -> Version:
    """Return the version that a rollback restores by default."""
    folders = version_folders(folder)
    serving = inspect_version(folders[max(folders)]) if folders else None
    for number in reversed(folders):
        if serving and number < _find_origin(serving):
            version = inspect_version(folders[number])
            if version.state == "whole" and version.model != serving.model:
                return version
    raise ConfigError(
        f"{folder} has no version to restore",
        expected="an intact version with another model, older than the serving version",
        got=_format_versions(folder),
        follows="nothing was pushed",
        remedy="choose a version with --to, or push another model",
    )


def _find_origin(version: Version) -> int:
    """Return the version that a chain of rollbacks restored; without one, the version itself."""
    number, record = version.number, version.record
    while isinstance(earlier := record.get("rollback_of"), int) and earlier < number:
        number, record = earlier, find_push_record(version_folder(version.path.parent, earlier))
    return number


def _format_versions(folder: Path) -> str:
    notes = {"whole": "", "damaged": " (damaged)", "unmanaged": " (not pushed by Penstock)"}
    texts = [f"{version.number}{notes[version.state]}" for version in list_versions(folder)]
    return ", ".join(texts) or "no versions"
