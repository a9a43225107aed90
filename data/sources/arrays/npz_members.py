"""Open the arrays in an .npz file, a zip archive of .npy files. Nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from tokenize import TokenError
from typing import IO

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import ArrayFile, wrong_length_error

_EXPECTED = "an .npz file, as np.savez and np.savez_compressed write it"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def list_members(path: InputPath) -> list[str]:
    """List the names of all members of a file, such as x_train.npy, in their order.

    Raises:
        BadDataError: there is no such file, or it is no archive.
        EnvironmentTrouble: it cannot be read.
    """
    with translate_file_errors(path, _EXPECTED), _open_archive(path) as archive:
        return archive.namelist()


def read_member(path: InputPath, member: str) -> ArrayFile:
    """Read the header of an array, and return what it describes.

    Raises:
        BadDataError: it is no array of numbers in C order, or not as long as its header says.
        EnvironmentTrouble: the file cannot be read.
    """
    name = escape_line(f"{member.removesuffix('.npy')} in {path}")
    with translate_file_errors(name, _EXPECTED), _open_archive(path) as archive:
        info = archive.getinfo(member)
        with archive.open(info) as file:
            try:
                version = np.lib.format.read_magic(file)
                if version not in _HEADERS:
                    raise ValueError(f"version {version} of the format")
                shape, fortran, dtype = _HEADERS[version](file)
            # no valid header: NumPy passes on what its tokenizer and its parser raise
            except (ValueError, TokenError, SyntaxError, MemoryError, RecursionError) as error:
                raise _no_array_error(name, str(error)) from error
            offset = file.tell()
    if dtype.hasobject or (fortran and len(shape) > 1) or not shape or min(shape) < 0:
        raise BadDataError(
            f"{name} cannot be read row by row",
            expected="numbers in C order; Python objects are never unpickled",
            got=f"{dtype} of shape {shape}" + (" in Fortran order" if fortran else ""),
            follows="nothing was ingested",
            remedy="save np.ascontiguousarray(array) with a numeric dtype",
        )
    length = offset + prod(shape) * dtype.itemsize
    if length != info.file_size:
        raise wrong_length_error(
            name,
            f"{offset} bytes and {' x '.join(map(str, shape))} of {dtype}: {length} bytes",
            f"{info.file_size} bytes",
        )
    return ArrayFile(name, shape, dtype, offset, True, partial(_open, path, member))


def _no_array_error(name: str, got: str) -> BadDataError:
    return BadDataError(
        f"{name} is not an array",
        expected="an array as np.savez writes it",
        got=escape_line(got),
        follows="nothing was ingested",
        remedy="write the file again with np.savez_compressed",
    )


@contextmanager
def _open_archive(path: InputPath) -> Iterator[zipfile.ZipFile]:
    with path.open("rb") as whole:
        whole.read(1)  # raises here if the file is unreadable: zipfile would call it broken
        with zipfile.ZipFile(whole) as archive:
            yield archive


@contextmanager
def _open(path: InputPath, member: str) -> Iterator[IO[bytes]]:
    with _open_archive(path) as archive, archive.open(member) as file:
        yield file
