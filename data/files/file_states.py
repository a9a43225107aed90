"""How files and folders stand, without reading them: by names, sizes, and times.

The ctime is among the times: it changes with every write, and no program can set it back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

_PASSED_OVER = "__pycache__"  # which Python writes beside code while a step runs
_Key = tuple[int, int]  # device and inode of a folder


def file_state(file: Path) -> str:
    """Size and times of a file. Raises OSError where it cannot be looked at."""
    return _words(file.stat())


def folder_state(folder: Path, leave_out: Collection[Path] = ()) -> str:
    """How many files lie under a folder, and a digest of their names, sizes and times.

    What is hidden is passed over; links to folders are followed, those that lead nowhere are not.

    Args:
        folder: where to look.
        leave_out: files and folders in it that do not count; they need not exist.

    Raises:
        OSError: one of the folders cannot be listed.
    """
    files = sorted((name, _words(stat)) for name, stat in _files(folder, leave_out))
    return f"{len(files)} files, {hashlib.sha256(repr(files).encode()).hexdigest()[:32]}"


def last_changed(folder: Path, leave_out: Collection[Path] = ()) -> Path:
    """The file under a folder that was changed last; the folder itself where it has none."""
    newest = max(_files(folder, leave_out), key=lambda f: f[1].st_ctime_ns, default=None)
    return folder / newest[0] if newest else folder


def _words(stat: os.stat_result) -> str:
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}, {stat.st_ctime_ns}"


def _files(folder: Path, leave_out: Collection[Path]) -> Iterator[tuple[str, os.stat_result]]:
    """Name relative to the folder, and stat, of each file under it."""
    left_out = frozenset(_key(path.stat()) for path in leave_out if path.exists())
    return _walk(str(folder), "", left_out)


def _walk(
    folder: str, prefix: str, closed: frozenset[_Key]
) -> Iterator[tuple[str, os.stat_result]]:
    """As `_files`; `closed` is what is left out, and the folders above, since links make loops."""
    closed |= {_key(os.stat(folder))}
    with os.scandir(folder) as entries:
        shown = [e for e in entries if e.name[0] != "." and e.name != _PASSED_OVER]
    for entry in shown:
        name = prefix + entry.name
        if entry.is_symlink() and not os.path.exists(entry.path):
            continue
        with contextlib.suppress(FileNotFoundError):  # moved while one looked
            stat = entry.stat()
            if _key(stat) in closed:
                continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{name}/", closed)
            else:
                yield name, stat


def _key(stat: os.stat_result) -> _Key:
    return stat.st_dev, stat.st_ino
