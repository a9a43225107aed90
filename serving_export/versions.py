"""Where a model is served: `<serving>/<model>/<version>`, versions counted from 1."""

from __future__ import annotations

import re
from pathlib import Path

from data.errors import ConfigError
from serving_export.manifest import MANIFEST

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


def versions(folder: Path) -> list[int]:
    """The served versions of a model in order; empty where there is no such folder."""
    if not folder.is_dir():
        return []
    # A folder "007" would be read as version 7 too: it counts for `next_version`, but is not ours.
    return sorted(v for v in _numbers(folder) if (folder / str(v)).is_dir())


def newest_version(folder: Path) -> int | None:
    """The version that is served, or None."""
    return max(versions(folder), default=None)


def bundle_folder(model_dir: Path) -> Path:
    """The folder itself where it holds a bundle, else its highest version."""
    newest = None if (model_dir / MANIFEST).is_file() else newest_version(model_dir)
    return model_dir if newest is None else model_dir / str(newest)


def next_version(folder: Path) -> int:
    """One above every name that reads as a number, whatever lies there."""
    return max(_numbers(folder), default=0) + 1


def _numbers(folder: Path) -> set[int]:
    return {int(entry.name) for entry in folder.iterdir() if _NUMBER.fullmatch(entry.name)}
