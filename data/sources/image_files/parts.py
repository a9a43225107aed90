"""Cut a list of files into parts, and read the files of a part."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from data.errors import EnvironmentTrouble, summarize_error
from data.files.input_files import InputPath, RemotePath
from data.sources import file_source
from data.sources.file_source import FilePart, ImageFile
from data.sources.image_files.labelled import LabelledFile

MOST_BYTES = 256 << 20  # of one file: more would fill the memory of a worker
_BUFFER = 1 << 18  # bytes that one call reads
_CONNECTIONS = 8  # to a store, whose answers take longer than its bytes
# what is wrong with one file, and not with the disk or the network
_OF_THE_FILE = {
    errno.ENOENT: "the file does not exist",
    errno.ENOTDIR: "the file does not exist",
    errno.ELOOP: "a link that leads to itself",
    errno.EISDIR: "a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EACCES: "no permission to read the file",
    errno.EPERM: "no permission to read the file",
}


def cut_parts(files: Sequence[LabelledFile]) -> list[FilePart]:
    """Cut files into parts of about PART_FILES files or PART_BYTES bytes, in their order."""
    parts: list[FilePart] = []
    start = size = 0
    for index, file in enumerate(files):
        if index > start and (
            index - start == file_source.PART_FILES or size + file.size > file_source.PART_BYTES
        ):
            parts.append(_part(len(parts), files[start:index], size))
            start, size = index, 0
        size += file.size
    if files:
        parts.append(_part(len(parts), files[start:], size))
    return parts


def _part(index: int, files: Sequence[LabelledFile], size: int) -> FilePart:
    """Make a part; workers get no identities, and what files in a row share only once."""
    runs = groupby(files, key=lambda file: (file.label, file.split, file.group, file.features))
    items = [(key, [(file.name, file.problem) for file in run]) for key, run in runs]
    return FilePart(index=index, files=len(files), size=size, items=items)


def read_part(root: InputPath, part: FilePart) -> Iterator[ImageFile]:
    """Read the files of a part in order; a file that cannot be read has a problem.

    Raises:
        EnvironmentTrouble: the disk or the network failed.
    """
    listed = [file for _, files in part.items for file in files]
    contents = _read_contents(root, listed)
    for (label, split, group, features), files in part.items:
        for name, _ in files:
            content, problem = next(contents)
            yield ImageFile(
                name=name,
                content=content,
                label=label,
                split=split,
                group=group,
                features=dict(features),
                problem=problem,
            )


def _read_contents(
    root: InputPath, files: Sequence[tuple[str, str | None]]
) -> Iterator[tuple[bytes, str | None]]:
    """Yield the bytes of each file, or why it cannot be read, in order."""

    def read(file: tuple[str, str | None]) -> tuple[bytes, str | None]:
        name, problem = file
        return (b"", problem) if problem else _read_file(root, name)

    if isinstance(root, Path):
        yield from map(read, files)
        return
    with ThreadPoolExecutor(_CONNECTIONS) as pool:  # the part's bytes at most are in memory
        yield from pool.map(read, files)


def _read_file(root: InputPath, name: str) -> tuple[bytes, str | None]:
    """Return a file's bytes, or why it cannot be read."""
    try:
        content = (
            _read_local(f"{root}/{name}") if isinstance(root, Path) else _read_remote(root / name)
        )
    except ValueError:  # a null character
        return b"", "no file can have this name"
    except OSError as error:
        if problem := _OF_THE_FILE.get(error.errno or 0):
            return b"", problem
        raise EnvironmentTrouble(
            f"{root / name} cannot be read",
            expected="a disk or a network that works",
            got=error.strerror or summarize_error(error),
            follows="nothing was ingested",
            remedy="run the same command again when it does",
        ) from error
    if len(content) > MOST_BYTES:
        return b"", f"more than {MOST_BYTES >> 20} MiB"
    return (content, None) if content else (b"", "an empty file")


def _read_local(path: str) -> bytes:
    """Read a file of this machine; a small one in few calls of the system."""
    descriptor, pieces, size = os.open(path, os.O_RDONLY | os.O_CLOEXEC), [], 0
    try:
        while (piece := os.read(descriptor, _BUFFER)) and size <= MOST_BYTES:
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _read_remote(path: RemotePath) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
