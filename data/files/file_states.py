"""Detect changes of files and folders by names, sizes and times, without reading them.

The ctime is included: it changes with every write, and programs cannot set it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import EnvironmentTrouble
from data.files.file_tree import File, walk


@contextmanager
def translate_read_errors(get_path: Callable[[], object]) -> Iterator[None]:
    """Raise EnvironmentTrouble for an OSError of the block, which runs before any step.

    Args:
        get_path: returns the path that the block is at.
    """
    try:
        yield
    except OSError as error:
        raise EnvironmentTrouble(
            f"{get_path()} cannot be read",
            got=error.strerror,
            follows="nothing ran",
            remedy="fix its permissions or the disk, then run the same command again",
        ) from error


def describe_stat(stat: os.stat_result) -> str:
    """Describe the size and times of a file."""
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}, {stat.st_ctime_ns}"


def folder_state(folder: Path, leave_out: Collection[Path] = ()) -> str:
    """Describe a folder: the number of files in it, and a digest of names, sizes and times.

    Hidden files are ignored.

    Args:
        folder: the folder.
        leave_out: files and folders in it that are ignored; they need not exist.

    Raises:
        BadDataError: a broken link.
        OSError: one of the folders cannot be listed.
    """
    files = sorted((file.name, describe_stat(file.stat)) for file in _files(folder, leave_out))
    return f"{len(files)} files, {hashlib.sha256(repr(files).encode()).hexdigest()[:32]}"


def find_last_changed(folder: Path, leave_out: Collection[Path] = ()) -> Path:
    """Return the file under a folder that changed last; the folder itself where it has none."""
    newest = max(_files(folder, leave_out), key=lambda file: file.stat.st_ctime_ns, default=None)
    return folder / newest.name if newest else folder


def _files(folder: Path, leave_out: Collection[Path]) -> Iterator[File]:
    left_out = [path.stat() for path in leave_out if path.exists()]
    return walk(folder, hidden=False, leave_out=left_out)
