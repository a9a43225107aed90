"""Read Keras's dataset files, `.npz` with x_train, y_train, x_test, y_test, without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

import numpy as np

from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import ArrayFile
from data.sources.arrays.array_source import ArraySource
from data.sources.arrays.labelled_images import LabelledImages
from data.sources.source_config import SourceConfig

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class NpzSource(ArraySource):
    """The four arrays in the file `path`.

    Images are (n, height, width) or (n, height, width, channels) uint8; labels are (n,) or (n, 1)
    of any integer type.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("npz")
        path = resolve_input_path(config.path, config.beam_args)
        splits: dict[str | None, list[LabelledImages]] = {
            split: [LabelledImages(_images(path, f"x_{split}"), _labels(path, f"y_{split}"))]
            for split in ("train", "test")
        }
        super().__init__(splits, config)


def _images(path: InputPath, member: str) -> ArrayFile:
    array = _array(path, member)
    if array.dtype != np.uint8 or len(array.shape) not in (3, 4):
        raise _array_error(
            array, "uint8 of shape (n, height, width) or (n, height, width, channels)"
        )
    return array


def _labels(path: InputPath, member: str) -> ArrayFile:
    array = _array(path, member)
    if array.dtype.kind not in "iu" or array.shape[1:] not in ((), (1,)):
        raise _array_error(array, "integers of shape (n,) or (n, 1)")
    return array


def _array_error(array: ArrayFile, expected: str) -> BadDataError:
    return BadDataError(
        f"{array.name} has the wrong type or shape",
        expected=expected,
        got=f"{array.dtype} of shape {array.shape}",
        follows="nothing was ingested",
        remedy="convert the array and save the file again",
    )


def _array(path: InputPath, member: str) -> ArrayFile:
    """Read the header of a member, and return the array that it describes."""
    name = f"{member} in {path}"
    with translate_file_errors(name, "an .npz with x_train, y_train, x_test and y_test"):
        try:
            with _open(path, member) as file:
                version = np.lib.format.read_magic(file)
                shape, fortran, dtype = _HEADERS[version](file)
                offset = file.tell()
        except KeyError as error:
            raise _missing_array_error(
                name, ", ".join(_list_members(path)) or "an empty archive"
            ) from error
        except ValueError as error:  # no valid header
            raise _missing_array_error(name, str(error)) from error
    if dtype.hasobject or (fortran and len(shape) > 1) or not shape:
        raise BadDataError(
            f"{name} cannot be read row by row",
            expected="numbers in C order; Python objects are never unpickled",
            got=f"{dtype} of shape {shape}" + (" in Fortran order" if fortran else ""),
            follows="nothing was ingested",
            remedy="save np.ascontiguousarray(array) with a numeric dtype",
        )
    return ArrayFile(name, shape, dtype, offset, True, partial(_open, path, member))


def _missing_array_error(name: str, got: str) -> BadDataError:
    return BadDataError(
        f"{name} is missing or not an array",
        expected="an .npz with x_train, y_train, x_test and y_test",
        got=got,
        follows="nothing was ingested",
        remedy="write the file with np.savez_compressed and these four names",
    )


def _list_members(path: InputPath) -> list[str]:
    with path.open("rb") as whole, zipfile.ZipFile(whole) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _open(path: InputPath, member: str) -> Iterator[IO[bytes]]:
    with path.open("rb") as whole:
        whole.read(1)  # raises here if the file is unreadable: zipfile would call it broken
        with zipfile.ZipFile(whole) as archive, archive.open(f"{member}.npy") as file:
            yield file
