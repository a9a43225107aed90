"""The files under a folder, links followed: one walk for all who list input data."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data.errors import BadDataError

_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class File(NamedTuple):
    """A regular file, or what a link to one leads to."""

    path: str
    name: str  # from the start of the walk on, with /; of a start that is a file, its own
    stat: os.stat_result

    @property
    def is_hidden(self) -> bool:
        """It, or a folder on the way to it, begins with a dot."""
        return any(part.startswith(".") for part in self.name.split("/"))


def walk(
    start: Path, *, hidden: bool = True, leave_out: Sequence[os.stat_result] = ()
) -> Iterator[File]:
    """All files at or under `start`, by name; folders that are links are entered like others.

    A folder that holds itself, by whatever links, is entered once on a path. Two links to one
    folder are two folders, as a source sees them. What is gone while one looks is left out, and so
    is a hidden link that leads nowhere, by which editors lock files.

    Args:
        start: a file or a folder.
        hidden: give those too whose name, or a folder's under `start`, begins with a dot, and what
            Python wrote to `__pycache__`.
        leave_out: files and folders that are passed over, by what `stat` says of them.

    Raises:
        BadDataError: a link leads nowhere, or to itself.
        FileNotFoundError: nothing is there.
        OSError: a folder cannot be listed.
    """
    try:
        found = start.stat()
    except OSError as error:
        _refuse_broken_link(start, error)
        raise
    if stat.S_ISDIR(found.st_mode):
        yield from _below(str(start), "", (*leave_out, found), hidden)
    else:
        yield File(str(start), start.name, found)


def _below(
    folder: str, prefix: str, closed: tuple[os.stat_result, ...], hidden: bool
) -> Iterator[File]:
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if not hidden and (entry.name.startswith(".") or entry.name == "__pycache__"):
            continue
        found, name = _look(entry), prefix + entry.name
        if found is None or any(os.path.samestat(found, other) for other in closed):
            continue
        if stat.S_ISREG(found.st_mode):
            yield File(entry.path, name, found)
        elif stat.S_ISDIR(found.st_mode):
            yield from _below(entry.path, f"{name}/", (*closed, found), hidden)


def _look(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError as error:
        if not entry.name.startswith("."):
            _refuse_broken_link(Path(entry.path), error)
        if isinstance(error, FileNotFoundError) or entry.name.startswith("."):
            return None
        raise


def _refuse_broken_link(path: Path, error: OSError) -> None:
    if error.errno not in _NOWHERE or not path.is_symlink():
        return
    raise BadDataError(
        f"{path} is a link that leads nowhere",
        expected="a file or a folder behind it",
        got=os.readlink(path),
        follows="nothing of it was read",
        remedy="bring back what it leads to, or take the link away",
    ) from error
