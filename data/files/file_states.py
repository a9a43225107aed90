"""How files and folders stand, without reading them: by names, sizes, and times.

The ctime is among the times: it changes with every write, and no program can set it back.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import EnvironmentTrouble
from data.files.file_tree import File, walk


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, before anything has run, into EnvironmentTrouble."""
    try:
        yield
    except OSError as error:
        raise EnvironmentTrouble(
            f"{path} cannot be read",
            got=error.strerror,
            follows="nothing ran",
            remedy="mend its permissions or the disk, then run the same command again",
        ) from error


def file_state(file: Path) -> str:
    """Size and times of a file. Raises OSError where it cannot be looked at."""
    return _words(file.stat())


def folder_state(folder: Path, leave_out: Collection[Path] = ()) -> str:
    """How many files lie under a folder, and a digest of their names, sizes and times.

    What is hidden is passed over.

    Args:
        folder: where to look.
        leave_out: files and folders in it that do not count; they need not exist.

    Raises:
        BadDataError: a link leads nowhere.
        OSError: one of the folders cannot be listed.
    """
    files = sorted((file.name, _words(file.stat)) for file in _files(folder, leave_out))
    return f"{len(files)} files, {hashlib.sha256(repr(files).encode()).hexdigest()[:32]}"


def find_last_changed(folder: Path, leave_out: Collection[Path] = ()) -> Path:
    """The file under a folder that was changed last; the folder itself where it has none."""
    newest = max(_files(folder, leave_out), key=lambda file: file.stat.st_ctime_ns, default=None)
    return folder / newest.name if newest else folder


def _words(stat: os.stat_result) -> str:
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}, {stat.st_ctime_ns}"


def _files(folder: Path, leave_out: Collection[Path]) -> Iterator[File]:
    """Each file under it."""
    left_out = [path.stat() for path in leave_out if path.exists()]
    return walk(folder, hidden=False, leave_out=left_out)
