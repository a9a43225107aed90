"""List the image files that files and folders name, and read them: for predictions."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from data.errors import BadDataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp"})


class ImagePaths(NamedTuple):
    """Image files, in the order in which they were named, and what was left out."""

    files: list[Path]
    left_out: Counter[str]  # reason → number of files or folders, such as "hidden" or ".txt"
    folders: list[Path]  # that cannot be listed


def list_images(paths: Iterable[Path]) -> ImagePaths:
    """List files, and the images below folders, sorted by name.

    Links are followed, but a folder is entered once for each path. Below a folder, names that
    begin with a dot and names that do not end as an image's do are left out.

    Raises:
        BadDataError: a path does not exist, or is a folder that cannot be listed or has no images.
    """
    listing = ImagePaths([], Counter(), [])
    for path in paths:
        if path.is_dir():
            _list_folder(path, listing)
        elif path.exists() or path.is_symlink():
            listing.files.append(path)
        else:
            raise BadDataError(
                f"{path} does not exist",
                expected="an image file, or a folder of image files",
                follows="nothing was predicted",
                remedy="check the path",
            )
    return listing


def read_bytes(path: Path) -> bytes:
    """Read a regular file.

    Raises:
        OSError: it is missing, unreadable, or no regular file.
    """
    # A pipe would otherwise wait for a writer, for ever.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "not a regular file")
        return file.read()


def _list_folder(folder: Path, listing: ImagePaths) -> None:
    before, unlisted = len(listing.files), len(listing.folders)
    errors: list[OSError] = []
    entered: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=errors.append):
        folders[:] = _keep_visible(folders, listing)
        identity = os.stat(place)
        if (identity.st_dev, identity.st_ino) in entered:
            listing.left_out["a link to a folder that was read"] += 1
            folders.clear()
            continue
        entered.add((identity.st_dev, identity.st_ino))
        for name in _keep_visible(names, listing):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES:
                listing.files.append(Path(place, name))
            else:
                listing.left_out[suffix or "without a suffix"] += 1
    listing.folders.extend(Path(os.fsdecode(error.filename)) for error in errors)
    if folder in listing.folders[unlisted:]:
        raise BadDataError(
            f"cannot list {folder}",
            expected="a folder of image files",
            got=errors[0].strerror,
            follows="nothing was predicted",
            remedy="check its permissions",
        )
    if len(listing.files) == before:
        raise BadDataError(
            f"no images in {folder}",
            expected="files that end with " + ", ".join(sorted(SUFFIXES)),
            got=describe_left_out(listing.left_out) or "an empty folder",
            follows="nothing was predicted",
            remedy="check the path, or name the files one by one",
        )


def _keep_visible(names: Sequence[str], listing: ImagePaths) -> list[str]:
    visible = sorted(name for name in names if not name.startswith("."))
    if len(visible) < len(names):
        listing.left_out["hidden"] += len(names) - len(visible)
    return visible


def describe_left_out(left_out: Counter[str]) -> str:
    """Describe what was left out in one line: the most frequent reasons first."""
    return ", ".join(f"{number:,} {reason}" for reason, number in left_out.most_common())
