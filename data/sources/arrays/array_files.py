"""Read an array in a file a few rows at a time: memory does not grow with the file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np

from data.errors import BadDataError
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class ArrayFile:
    """An array in C order in a file, or in a compressed member of one."""

    name: str  # as messages show it
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int  # bytes before the first row
    is_stream: bool  # compressed: random access is not possible
    open: Callable[[], AbstractContextManager[IO[bytes]]]  # pickled to workers

    def rows(self, start: int, stop: int, step: int) -> Iterator[np.ndarray]:
        """Yield the rows from `start` to `stop`, up to `step` at a time.

        At the end of the array the file must end too.

        Raises:
            BadDataError: the file is shorter or longer than the array, or damaged.
            EnvironmentTrouble: it cannot be read.
        """
        row_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        expected = f"{self.shape[0]} rows of {row_bytes} bytes"
        with translate_file_errors(self.name, expected), self.open() as file:
            file.seek(self.offset + start * row_bytes)
            for first in range(start, stop, step):
                count = min(step, stop - first)
                content = file.read(count * row_bytes)
                if len(content) < count * row_bytes:
                    last_row = first + len(content) // row_bytes
                    raise wrong_length_error(
                        self.name, expected, f"the end of the file in row {last_row}"
                    )
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])
            # to the end of the file, where the checksum of a compressed file is
            if stop == self.shape[0] and file.read(1):
                raise wrong_length_error(self.name, expected, "more bytes after the last row")


def wrong_length_error(name: object, expected: str, got: str) -> BadDataError:
    """Return the error for a file whose length is not the one in its header."""
    return BadDataError(
        f"{name} does not have the length that its header states",
        expected=expected,
        got=got,
        follows="nothing was ingested",
        remedy="download the file again",
    )


def look_at_file(path: InputPath) -> tuple[bool, int]:
    """Return whether a file is gzip, by its content, and its size in bytes; raises OSErrors."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP, file.seek(0, io.SEEK_END)


@contextmanager
def open_bytes(path: InputPath, is_gzip: bool = False) -> Iterator[IO[bytes]]:
    """Open a file's bytes, decompressed if it is gzip."""
    with path.open("rb") as file:
        if is_gzip:
            with gzip.open(file) as content:
                yield content  # type: ignore[misc]
        else:
            yield file
