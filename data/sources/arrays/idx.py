"""Read IDX files, plain or gzip, by their names: those of MNIST, EMNIST, QMNIST and the like.

An IDX file: two zero bytes, the type, the number of dimensions, each dimension as a big-endian
32-bit integer, then the values, big-endian, last dimension fastest.
"""

from __future__ import annotations

import re
import struct
from functools import partial
from math import prod

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import (
    ArrayFile,
    look_at_file,
    open_bytes,
    wrong_length_error,
)
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.array_source import ArraySource
from data.sources.arrays.labelled_images import LabelledImages
from data.sources.arrays.named_arrays import (
    Found,
    Kind,
    choose_dataset,
    describe_found,
    parse_array_name,
)
from data.sources.source_config import SourceConfig

_FILE = re.compile(r"(.+)[-.]idx[0-9]+-(?:ubyte|int)(?:\.gz)?")
_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_DIMENSIONS = 8
_MOST_COLUMNS = 1024  # of labels


class IdxSource(ArraySource):
    """The images and labels of train and test, and of validation if there is one, in a folder.

    Labels are (n,), or (n, k), of which the first column counts. `ingest.name` chooses one of
    several datasets in the folder.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("idx")
        folder = resolve_input_path(config.path, config.beam_args)
        found = _find_files(folder, config.name)
        splits: dict[str | None, list[LabelledImages]] = {}
        for split in ("train", "validation", "test"):
            if split != "validation" or (split, "images") in found.arrays:
                images, labels = (
                    _read_header(_get_file(found, folder, split, kind), kind)
                    for kind in ("images", "labels")
                )
                splits[split] = [LabelledImages(images, labels)]
        layout = ArrayLayout.of(config, found.dataset)
        facts = describe_found(found, config, [file.name for file in found.unused])
        super().__init__(splits, config, layout=layout, facts=facts)


def _find_files(folder: InputPath, dataset: str | None) -> Found[InputPath]:
    with translate_file_errors(folder, "a folder with the IDX files of MNIST or of its like"):
        files: list[InputPath] = sorted(folder.iterdir(), key=lambda file: file.name)
    named = []
    for file in files:
        match = _FILE.fullmatch(file.name)
        if match and (name := parse_array_name(match[1])):
            named.append((name, file))
    if not named:
        raise _missing_error(folder, "train-images", [file.name for file in files])
    return choose_dataset(named, dataset, folder)


def _get_file(found: Found[InputPath], folder: InputPath, split: str, kind: Kind) -> InputPath:
    if file := found.arrays.get((split, kind)):
        return file
    prefix = f"{found.dataset}-{split}" if found.dataset else split.replace("test", "t10k")
    present = [file.name for file in found.arrays.values()]
    raise _missing_error(folder, f"{prefix}-{kind}", present)


def _missing_error(folder: InputPath, missing: str, names: list[str]) -> BadDataError:
    dimensions = 3 if missing.endswith("images") else 1
    stems = [f"{missing}{dot}idx{dimensions}-ubyte" for dot in "-."]
    return BadDataError(
        f"{escape_line(str(folder))} lacks the file {escape_line(missing)}",
        expected="one of " + ", ".join(stem + end for stem in stems for end in ("", ".gz")),
        got=", ".join(map(escape_line, names[:8])) or "an empty folder",
        follows="nothing was ingested",
        remedy="check ingest.path, and that the dataset was downloaded",
    )


def _read_header(path: InputPath, kind: Kind) -> ArrayFile:
    """Read the header of an IDX file, and return the array that it describes.

    Raises:
        BadDataError: it is no such file, has another type or shape than the kind should have, or is
            not as long as it says.
    """
    expected = f"an IDX file of {kind}: " + (
        "uint8 in 3 dimensions" if kind == "images" else "integers in 1 dimension, or columns"
    )
    with translate_file_errors(path, expected):
        is_stream, size = look_at_file(path)
        with open_bytes(path, is_stream) as file:
            start = file.read(4)
            header = start + file.read(4 * min(start[3], _MOST_DIMENSIONS) if start[3:] else 0)
    dtype, shape = _parse_header(header)
    if dtype is None or not _fits(dtype, shape, kind):
        raise BadDataError(
            f"{path} is not the expected IDX file",
            expected=expected,
            got=_describe(header, dtype, shape),
            follows="nothing was ingested",
            remedy="download the file again; check that images and labels are not swapped",
        )
    offset, row = len(header), " x ".join(map(str, shape))
    length = offset + prod(shape) * dtype.itemsize
    if not is_stream and size != length:
        raise wrong_length_error(
            path,
            f"{offset} + {row} x {dtype.itemsize} = {length} bytes",
            f"{size} bytes: {'truncated' if size < length else 'trailing bytes'}",
        )
    return ArrayFile(
        str(path), shape, dtype, offset, is_stream, partial(open_bytes, path, is_stream)
    )


def _parse_header(header: bytes) -> tuple[np.dtype | None, tuple[int, ...]]:
    """Return the type, None if this is no whole header, and the dimensions."""
    is_whole = len(header) >= 4 and len(header) == 4 + 4 * header[3]
    if not is_whole or header[:2] != bytes(2) or header[2] not in _TYPES:
        return None, ()
    return np.dtype(_TYPES[header[2]]), struct.unpack(f">{header[3]}I", header[4:])


def _fits(dtype: np.dtype, shape: tuple[int, ...], kind: Kind) -> bool:
    if kind == "images":
        return dtype == np.uint8 and len(shape) == 3
    return dtype.kind in "iu" and (
        len(shape) == 1 or (len(shape) == 2 and 1 <= shape[1] <= _MOST_COLUMNS)
    )


def _describe(header: bytes, dtype: np.dtype | None, shape: tuple[int, ...]) -> str:
    if dtype is not None:
        return f"{dtype.name} in {len(shape)} dimensions: {' x '.join(map(str, shape))}"
    return f"no header: {len(header)} bytes, {header.hex(' ')}" if header else "an empty file"
