"""Read MNIST's IDX files, plain or gzip, under their standard names.

An IDX file: two zero bytes, 0x08 for unsigned bytes, the number of dimensions, each dimension as
a big-endian 32-bit integer, then the values, last dimension fastest.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import IO

import numpy as np

from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import (
    ArrayFile,
    ArraySource,
    LabelledImages,
    wrong_length_error,
)
from data.sources.source_config import SourceConfig

_PREFIX = {"train": "train", "test": "t10k"}
_KINDS = {"images": 3, "labels": 1}  # → dimensions
_GZIP = b"\x1f\x8b"


class IdxSource(ArraySource):
    """The four files in the folder `path`."""

    def __init__(self, config: SourceConfig) -> None:
        config.check("idx")
        folder = resolve_input_path(config.path, config.beam_args)
        with translate_file_errors(folder, "a folder with the four IDX files of MNIST"):
            names = {file.name for file in folder.iterdir()}
        splits: dict[str | None, LabelledImages] = {
            split: LabelledImages(
                *(
                    _read_header(_find_file(folder, names, prefix, kind), n)
                    for kind, n in _KINDS.items()
                )
            )
            for split, prefix in _PREFIX.items()
        }
        super().__init__(splits, config)


def _find_file(folder: InputPath, present: set[str], prefix: str, kind: str) -> InputPath:
    stems = [f"{prefix}-{kind}{dot}idx{_KINDS[kind]}-ubyte" for dot in "-."]
    names = [stem + ending for stem in stems for ending in ("", ".gz")]
    for name in names:
        if name in present:
            return folder / name
    raise BadDataError(
        f"{folder} has no file with the {kind} of the split {prefix}",
        expected="one of " + ", ".join(names),
        got=", ".join(sorted(present)[:8]) or "an empty folder",
        follows="nothing was ingested",
        remedy="check ingest.path, and that the dataset was downloaded",
    )


def _read_header(path: InputPath, dimensions: int) -> ArrayFile:
    """Read the header of an IDX file, and return the array that it describes."""
    offset = 4 + 4 * dimensions
    expected = f"an IDX file of unsigned bytes in {dimensions} dimensions"
    with translate_file_errors(path, expected):
        with path.open("rb") as plain:
            is_stream = plain.read(2) == _GZIP
            size = plain.seek(0, io.SEEK_END)
        with _open(path, is_stream) as file:
            header = file.read(offset)
    magic = bytes((0, 0, 8, dimensions))
    if len(header) < offset or not header.startswith(magic):
        raise BadDataError(
            f"{path} is not the expected IDX file",
            expected=f"{expected}: a header of {offset} bytes that begins with {magic.hex(' ')}",
            got=f"{len(header)} bytes: {header.hex(' ')}" if header else "an empty file",
            follows="nothing was ingested",
            remedy="download the file again; check that images and labels are not swapped",
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if not is_stream and size != offset + prod(shape):
        length = offset + prod(shape)
        raise wrong_length_error(
            path,
            f"{offset} + {' x '.join(map(str, shape))} = {length} bytes",
            f"{size} bytes: {'truncated' if size < length else 'trailing bytes'}",
        )
    reopen = partial(_open, path, is_stream)
    return ArrayFile(str(path), shape, np.dtype(np.uint8), offset, is_stream, reopen)


@contextmanager
def _open(path: InputPath, is_stream: bool) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if is_stream:
            with gzip.open(file) as content:
                yield content  # type: ignore[misc]
        else:
            yield file
