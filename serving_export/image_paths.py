"""List the image files that files and folders name, and read them: for predictions."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, PenstockError
from data.sources.image_files.listing import (
    ENDINGS,
    explain_no_image,
    is_image_name,
    list_folder,
)


class ImagePaths(NamedTuple):
    """Image files, in the order in which they were named, and what was left out of folders."""

    files: list[Path]
    left_out: Counter[str]  # reason → number of files or folders


def list_images(paths: Iterable[Path]) -> ImagePaths:
    """List files, and the images below folders, sorted by name; links are followed.

    Below a folder, hidden files, and files whose names do not end as an image's, are left out.

    Raises:
        BadDataError: a path does not exist, or is a folder without images.
        EnvironmentTrouble: a folder cannot be listed.
    """
    listing = ImagePaths([], Counter())
    for path in paths:
        if path.is_dir():
            _list_folder(path, listing)
        elif os.path.lexists(path):
            listing.files.append(path)
        else:
            raise BadDataError(
                f"{escape_line(str(path))} does not exist",
                expected="an image file, or a folder of image files",
                follows="nothing was predicted",
                remedy="check the path",
            )
    return listing


def describe_left_out(left_out: Counter[str]) -> str:
    """Describe what was left out in one line: the most frequent reasons first."""
    return ", ".join(f"{number:,} {reason}" for reason, number in left_out.most_common())


def read_bytes(path: Path) -> bytes:
    """Read a regular file.

    Raises:
        OSError: it is missing, unreadable, or no regular file.
    """
    # A pipe would otherwise wait for a writer, for ever.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is no regular file")
        return file.read()


def _list_folder(folder: Path, listing: ImagePaths) -> None:
    try:
        below = list_folder(folder)
    except PenstockError as error:  # it speaks of ingest
        raise type(error)(
            error.what,
            expected=error.expected,
            got=error.got,
            follows="nothing was predicted",
            remedy="fix the folder, or name its files one by one",
        ) from error
    images = [folder / file.name for file in below.files if is_image_name(file.name)]
    reasons = [entry.reason for entry in below.left_out]
    reasons += [explain_no_image(f.name) for f in below.files if not is_image_name(f.name)]
    if not images:
        raise BadDataError(
            f"no images in {escape_line(str(folder))}",
            expected="files whose names end with " + ", ".join(ENDINGS),
            got=describe_left_out(Counter(reasons)) or "an empty folder",
            follows="nothing was predicted",
            remedy="check the path, or name the files one by one",
        )
    listing.files.extend(images)
    listing.left_out.update(reasons)
