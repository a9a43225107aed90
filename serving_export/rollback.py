"""Roll back: push the bytes of an earlier version again, so that versions only ever grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from data.durable import disk_trouble
from data.errors import BadDataError, ConfigError
from serving_export.history import Version, history
from serving_export.manifest import BESIDE, PUSH_RECORD
from serving_export.push import push
from serving_export.versions import model_folder, serving_identity


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
    `rollback_of`, `by`, `reason` and `time` of the rollback.

    Args:
        serving_dir, model_name: as for `push`.
        to: the version to go back to. None: the newest whole one that is older than the one that
            serves and of another bundle. Where that one came by a rollback itself, older than the
            version that it brought back: what was rolled back from does not come again unasked.
        by: who wants it.
        reason: why.
        clock: seconds since the epoch.

    Returns:
        The new version and its folder.

    Raises:
        ConfigError: no such version, nothing to go back to, or its bytes serve already.
        BadDataError: the version is not whole, or no model that Penstock pushed.
        StepError: another push came between.
        EnvironmentTrouble: the disk would not take it, or another push does not end.
    """
    folder = model_folder(serving_dir, model_name)
    with disk_trouble(f"cannot roll back in {folder}"):
        serves, known = serving_identity(folder), history(folder)
        old = _earlier(known, folder) if to is None else _named(known, folder, to)
        if known[-1].digest == old.digest:
            raise ConfigError(
                f"version {known[-1].number} in {folder} is version {old.number} already",
                expected="a version of another bundle than the one that serves",
                got=f"digest {old.digest}",
                follows="nothing was pushed",
            )
        names = sorted(BESIDE - {PUSH_RECORD})
        beside = {n: (old.path / n).read_bytes() for n in names if (old.path / n).is_file()}
    record = {**old.record, "rollback_of": old.number, "by": by, "reason": reason, "time": clock()}
    return push(
        old.path,
        serving_dir,
        model_name,
        digest=old.digest,
        record=record,
        beside=beside,
        judged_against=serves,
    )


def _named(known: list[Version], folder: Path, to: int) -> Version:
    for version in known:
        if version.number == to and version.state == "whole":
            return version
        if version.number == to:
            raise BadDataError(
                f"version {to} in {folder} cannot be served again",
                expected="a whole version that Penstock pushed",
                got=version.trouble or "a link, or a folder without a manifest of ours",
                follows="nothing was pushed",
                remedy=f"name another: {_listed(known)}",
            )
    raise ConfigError(
        f"there is no version {to} in {folder}",
        expected=_listed(known),
        got=to,
        follows="nothing was pushed",
    )


def _earlier(known: list[Version], folder: Path) -> Version:
    """The version that a rollback goes to unless one is named."""
    if known:
        origin = _origin(known[-1], {version.number: version for version in known})
        for version in reversed(known):
            other = version.state == "whole" and version.digest != known[-1].digest
            if other and version.number < origin:
                return version
    raise ConfigError(
        f"there is no version in {folder} to go back to",
        expected="a whole version of another bundle, older than the one that serves",
        got=_listed(known),
        follows="nothing was pushed",
        remedy="name one with --to, or push another model",
    )


def _origin(version: Version, known: dict[int, Version]) -> int:
    """The version that a chain of rollbacks brought back; a version's own number where none did."""
    number, earlier = version.number, version.record.get("rollback_of")
    while isinstance(earlier, int) and earlier < number:
        number = earlier
        earlier = known[number].record.get("rollback_of") if number in known else None
    return number


def _listed(known: list[Version]) -> str:
    words = {"whole": "", "damaged": " (damaged)", "foreign": " (not ours)"}
    return ", ".join(f"{v.number}{words[v.state]}" for v in known) or "no versions at all"
