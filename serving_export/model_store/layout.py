"""Find the folders of served models: `<serving>/<model>/<version>`, versions from 1."""

from __future__ import annotations

import re
from pathlib import Path

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.durable_files import sha256_file
from serving_export.bundle.manifest import MANIFEST, read_manifest

HIGHEST = 2**63 - 1  # the largest int64; TensorFlow Serving ignores higher versions

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_NUMBER = re.compile(r"[0-9]+")


def model_folder(serving_dir: Path, model_name: str) -> Path:
    """Return `<serving_dir>/<model_name>`.

    Raises:
        ConfigError: an invalid name, such as one with a slash or a leading dot.
    """
    if not _NAME.fullmatch(model_name):
        raise ConfigError(
            f"invalid model name {model_name!r}",
            expected="letters, digits, _ . and -, not starting with a dot",
            got=repr(model_name),
            remedy="set export.model_name",
        )
    return serving_dir / model_name


def version_folders(folder: Path) -> dict[int, Path]:
    """Return the versions of a model that TensorFlow Serving finds, in order: number → folder.

    A folder's name may have leading zeros. Where several names have one number, TensorFlow Serving
    may take any of them; the one with zeros, which Penstock never writes, is returned, so that it
    is not overlooked.
    """
    if not folder.is_dir():
        return {}
    names = sorted((e.name for e in folder.iterdir() if _NUMBER.fullmatch(e.name)), key=len)
    folders = {int(n): folder / n for n in names if int(n) <= HIGHEST and (folder / n).is_dir()}
    return dict(sorted(folders.items()))


def version_folder(folder: Path, number: int) -> Path:
    """Return the folder of a version, which need not exist."""
    return version_folders(folder).get(number, folder / str(number))


def version_numbers(folder: Path) -> list[int]:
    """Return the numbers of `version_folders`."""
    return list(version_folders(folder))


def newest_version(folder: Path) -> int | None:
    """Return the number of the serving version, or None."""
    return max(version_numbers(folder), default=None)


def newest_folder(folder: Path) -> Path | None:
    """Return the folder of the serving version, or None."""
    return next(reversed(version_folders(folder).values()), None)


def is_ours(version: Path) -> bool:
    """Return whether Penstock may have pushed a version: a folder with a manifest, not a link."""
    return not version.is_symlink() and (version / MANIFEST).is_file()


def identify_version(version: Path) -> str:
    """Return the bundle's digest, unverified, or `unmanaged:N` for a version without a manifest."""
    return sha256_file(version / MANIFEST) if is_ours(version) else f"unmanaged:{version.name}"


def read_model_digest(bundle: Path) -> str | None:
    """Return the digest of what a bundle's model computes; None without a valid manifest."""
    try:
        return read_manifest(bundle).model_digest if is_ours(bundle) else None
    except BadDataError:
        return None


def identify_serving_version(folder: Path) -> str | None:
    """Return the result of `identify_version` for the serving version, or None."""
    newest = newest_folder(folder)
    return None if newest is None else identify_version(newest)


def find_bundle_folder(model_dir: Path) -> Path:
    """Return the folder itself if it has a bundle, otherwise that of its highest version."""
    newest = None if (model_dir / MANIFEST).is_file() else newest_folder(model_dir)
    return model_dir if newest is None else newest


def next_version(folder: Path) -> int:
    """Return the number after the highest one in the folder, files included.

    Raises:
        EnvironmentTrouble: the highest possible number is in use.
    """
    highest = max(_numbers(folder), default=0)
    if highest == HIGHEST:
        raise EnvironmentTrouble(
            f"{folder / str(highest)} has the highest possible version number",
            follows="nothing was pushed",
            remedy="remove that entry, if nothing serves it",
        )
    return highest + 1


def _numbers(folder: Path) -> set[int]:
    numbers = {int(e.name) for e in folder.iterdir() if _NUMBER.fullmatch(e.name)}
    return {number for number in numbers if number <= HIGHEST}
