"""Files and folders that nobody but their owner can read, whatever the umask, from the first."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import IO, Any

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(path: Path, *, new: bool = False) -> Path:
    """Make a folder for its owner alone; all in one that was open to others is closed to them.

    Args:
        path: whose parent exists.
        new: it must not exist.

    Raises:
        OSError: it cannot be made.
    """
    with contextlib.nullcontext() if new else contextlib.suppress(FileExistsError):
        path.mkdir(FOLDER_MODE)
    if path.stat().st_mode & _OTHERS:
        make_private(path)
    return path


def open_private(path: Path, mode: str, **options: Any) -> IO[Any]:
    """As `open`; a file that it makes is its owner's alone."""
    return open(path, mode, opener=_opener, **options)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def touch_private(path: Path) -> None:
    """Make an empty file for its owner alone, where there is none."""
    if not path.exists():  # of one that is there no descriptor is opened: closing it drops locks
        with contextlib.suppress(FileExistsError):
            path.touch(FILE_MODE, exist_ok=False)


def make_private(*paths: Path) -> None:
    """Close files, and folders with all in them, to all but their owner; only he can."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            if mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
            if stat.S_ISDIR(mode):
                make_private(*path.iterdir())
