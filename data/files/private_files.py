"""Create files and folders that only their owner can read, whatever the umask."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import IO, Any

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(path: Path, *, new: bool = False) -> Path:
    """Create a folder for its owner alone; an existing one is closed to others, content included.

    Args:
        path: the folder; its parent must exist.
        new: whether the folder must not exist yet.

    Raises:
        OSError: it cannot be created.
    """
    with contextlib.nullcontext() if new else contextlib.suppress(FileExistsError):
        path.mkdir(FOLDER_MODE)
    if path.stat().st_mode & _OTHERS:
        make_private(path)
    return path


def open_private(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a file as `open` does; a new file is readable by its owner alone."""
    return open(path, mode, opener=_opener, **options)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def touch_private(path: Path) -> None:
    """Create an empty file for its owner alone, unless it exists."""
    if not path.exists():  # an existing file is not opened: closing it would release its locks
        with contextlib.suppress(FileExistsError):
            path.touch(FILE_MODE, exist_ok=False)


def make_private(*paths: Path) -> None:
    """Remove the permissions of group and others from files, and from folders with their content.

    Files of another user are left as they are.
    """
    for path in paths:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            if mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
            if stat.S_ISDIR(mode):
                make_private(*path.iterdir())
