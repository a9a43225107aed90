"""List the files under a folder, following links: for all code that lists input data."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data.errors import BadDataError

_BROKEN_LINK = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class File(NamedTuple):
    """A regular file, or the target of a link to one."""

    path: str
    name: str  # path from the start of the walk, with /; where the start is a file, its name
    stat: os.stat_result

    @property
    def is_hidden(self) -> bool:
        """Whether its name, or that of a folder above it, begins with a dot."""
        return any(part.startswith(".") for part in self.name.split("/"))


def walk(
    start: Path, *, hidden: bool = True, leave_out: Sequence[os.stat_result] = ()
) -> Iterator[File]:
    """Yield all files at or under `start`, sorted by name; links to folders are followed.

    A folder that contains itself through links is entered once on each path. Two links to one
    folder count as two folders. A file that disappears during the walk is left out, and so is a
    broken hidden link, which editors use as a lock.

    Args:
        start: a file or a folder.
        hidden: whether to include names that begin with a dot, and `__pycache__`.
        leave_out: the `stat` of files and folders to skip.

    Raises:
        BadDataError: a link is broken, or leads to itself.
        FileNotFoundError: `start` does not exist.
        OSError: a folder cannot be listed.
    """
    try:
        start_stat = start.stat()
    except OSError as error:
        _refuse_broken_link(start, error)
        raise
    if stat.S_ISDIR(start_stat.st_mode):
        yield from _walk_folder(str(start), "", (*leave_out, start_stat), hidden)
    else:
        yield File(str(start), start.name, start_stat)


def _walk_folder(
    folder: str, prefix: str, skipped: tuple[os.stat_result, ...], hidden: bool
) -> Iterator[File]:
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if not hidden and (entry.name.startswith(".") or entry.name == "__pycache__"):
            continue
        entry_stat, name = _stat_entry(entry), prefix + entry.name
        if entry_stat is None or any(os.path.samestat(entry_stat, other) for other in skipped):
            continue
        if stat.S_ISREG(entry_stat.st_mode):
            yield File(entry.path, name, entry_stat)
        elif stat.S_ISDIR(entry_stat.st_mode):
            yield from _walk_folder(entry.path, f"{name}/", (*skipped, entry_stat), hidden)


def _stat_entry(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError as error:
        if not entry.name.startswith("."):
            _refuse_broken_link(Path(entry.path), error)
        if isinstance(error, FileNotFoundError) or entry.name.startswith("."):
            return None
        raise


def _refuse_broken_link(path: Path, error: OSError) -> None:
    if error.errno not in _BROKEN_LINK or not path.is_symlink():
        return
    raise BadDataError(
        f"{path} is a broken link",
        expected="a link to a file or folder that exists",
        got=os.readlink(path),
        follows="nothing was read",
        remedy="restore the target of the link, or remove the link",
    ) from error
