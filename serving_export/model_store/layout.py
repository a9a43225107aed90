"""Where a model is served: `<serving>/<model>/<version>`, versions counted from 1."""

from __future__ import annotations

import re
from pathlib import Path

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.durable_files import sha256_file
from serving_export.bundle.manifest import MANIFEST, read_manifest

HIGHEST = 2**63 - 1  # TensorFlow Serving reads a version as an int64 and passes over what is more

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_NUMBER = re.compile(r"[0-9]+")


def model_folder(serving_dir: Path, model_name: str) -> Path:
    """`<serving_dir>/<model_name>`.

    Raises:
        ConfigError: a name that could lead elsewhere or hide.
    """
    if not _NAME.fullmatch(model_name):
        raise ConfigError(
            f"{model_name!r} cannot be a model's name",
            expected="letters, digits, _ . and -, not starting with a dot",
            got=repr(model_name),
            remedy="set export.model_name",
        )
    return serving_dir / model_name


def version_folders(folder: Path) -> dict[int, Path]:
    """The versions of a model that TensorFlow Serving sees, in order; empty without a folder.

    A folder's name may have zeros before the number. Where several names read as one number,
    TensorFlow Serving takes any of them. The one with zeros, which no push of ours writes, is taken
    here: what may serve must not be overlooked.
    """
    if not folder.is_dir():
        return {}
    names = sorted((e.name for e in folder.iterdir() if _NUMBER.fullmatch(e.name)), key=len)
    found = {int(n): folder / n for n in names if int(n) <= HIGHEST and (folder / n).is_dir()}
    return dict(sorted(found.items()))


def version_folder(folder: Path, number: int) -> Path:
    """The folder of a version, which need not be there."""
    return version_folders(folder).get(number, folder / str(number))


def version_numbers(folder: Path) -> list[int]:
    """The numbers of `version_folders`."""
    return list(version_folders(folder))


def newest_version(folder: Path) -> int | None:
    """The version that is served, or None."""
    return max(version_numbers(folder), default=None)


def newest_folder(folder: Path) -> Path | None:
    """The folder of the version that is served, or None."""
    return next(reversed(version_folders(folder).values()), None)


def is_ours(version: Path) -> bool:
    """Whether Penstock may have made this version: a folder with a manifest, and no link to one."""
    return not version.is_symlink() and (version / MANIFEST).is_file()


def identify_version(version: Path) -> str:
    """What names a version: its bundle's digest, unverified; `unmanaged:N` where it is not ours."""
    return sha256_file(version / MANIFEST) if is_ours(version) else f"unmanaged:{version.name}"


def read_model_digest(bundle: Path) -> str | None:
    """What names the model in a bundle, whatever its bytes; None where no manifest says so."""
    try:
        return read_manifest(bundle).model_digest if is_ours(bundle) else None
    except BadDataError:
        return None


def identify_serving_version(folder: Path) -> str | None:
    """The `identify_version` of the version that is served, or None."""
    newest = newest_folder(folder)
    return None if newest is None else identify_version(newest)


def find_bundle_folder(model_dir: Path) -> Path:
    """The folder itself where it holds a bundle, else its highest version."""
    newest = None if (model_dir / MANIFEST).is_file() else newest_folder(model_dir)
    return model_dir if newest is None else newest


def next_version(folder: Path) -> int:
    """One above every name that reads as a number, whatever lies there.

    Raises:
        EnvironmentTrouble: something there has the highest number that there is.
    """
    highest = max(_numbers(folder), default=0)
    if highest == HIGHEST:
        raise EnvironmentTrouble(
            f"no version is left above {folder / str(highest)}",
            follows="nothing was pushed",
            remedy="remove it, if nothing serves it",
        )
    return highest + 1


def _numbers(folder: Path) -> set[int]:
    numbers = {int(e.name) for e in folder.iterdir() if _NUMBER.fullmatch(e.name)}
    return {number for number in numbers if number <= HIGHEST}
