"""Read raw pixels from the records of TFRecord files: images of one size."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.labelled_images import PART_IMAGES
from data.sources.records.example_message import get_kind
from data.sources.records.features import Columns, describe_features
from data.sources.records.labelled_records import (
    LabelledRecords,
    Piece,
    PieceLimits,
    unfit_record_error,
)
from data.sources.records.record_files import RecordFiles
from data.sources.source import Chunk, Part, chunk_size
from data.sources.source_config import SourceConfig
from data.spec import ImageSpec

_PART_BYTES = 256 << 20
_SHOWN = 8


class _Pieces(NamedTuple):
    parts: list[Part]
    found: dict[tuple[str | None, int], tuple[InputPath, Piece]]  # split, first image → piece


class PixelRecords:
    """A `Source` of records whose pixels are bytes, or int64 from 0 to 255, in a row."""

    def __init__(
        self, files: RecordFiles, columns: Columns, shape: tuple[int, ...], config: SourceConfig
    ) -> None:
        self._layout = ArrayLayout.of(config)
        self._shape = shape  # (height, width[, channels]) of an image
        self._files = files
        self._records = LabelledRecords(
            files.files, columns, config, PieceLimits(PART_IMAGES, _PART_BYTES, False)
        )

    def spec(self) -> ImageSpec:
        height, width, channels = (*self._shape, 1)[:3]
        names = self._records.classes.names
        return ImageSpec(height=height, width=width, channels=channels, class_names=names)

    def parts(self) -> list[Part]:
        return self._pieces.parts

    def describe(self) -> str:
        """Return where images, labels and splits come from, and what is not read."""
        left_out = [f"not read: {escape_line(name)}, {why}" for name, why in self._files.left_out]
        more = [f"{len(left_out) - _SHOWN} more"] if len(left_out) > _SHOWN else []
        columns = self._records.columns.describe()
        return "; ".join([columns, self._files.described, *left_out[:_SHOWN], *more])

    def num_images(self) -> int:
        return sum(piece.images for _, piece in self._pieces.found.values())

    def read(self, part: Part) -> Iterator[Chunk]:
        path, piece = self._pieces.found[part.split, part.start]
        size = prod(self._shape)
        step = chunk_size(size)
        contents: list[bytes] = []
        labels: list[int] = []
        for example in self._records.read(path, piece):
            try:
                contents.append(self._read_pixels(example.features, size))
            except ValueError as error:
                got = f"{error}; the record has {describe_features(example.features)}"
                expected = f"{' x '.join(map(str, self._shape))} = {size} pixels from 0 to 255"
                raise unfit_record_error(path, example.record, expected, got) from error
            labels.append(example.label)
            if len(labels) == step:
                yield self._make_chunk(contents, labels)
                contents, labels = [], []
        if labels:
            yield self._make_chunk(contents, labels)

    @functools.cached_property
    def _pieces(self) -> _Pieces:
        """Number the images of each split in the order of the files."""
        parts: list[Part] = []
        found: dict[tuple[str | None, int], tuple[InputPath, Piece]] = {}
        ends: dict[str | None, int] = {}
        for file, scan in self._records.scans:
            for piece in scan.pieces:
                start = ends.get(file.split, 0)
                ends[file.split] = start + piece.images
                parts.append(Part(file.split, len(parts), start, ends[file.split]))
                found[file.split, start] = file.path, piece
        return _Pieces(parts, found)

    def _read_pixels(self, features: Mapping[str, Any], size: int) -> bytes:
        """Return the pixels of a record, of the size that the first one has."""
        pixels = read_pixels(features, self._records.columns)
        if len(pixels) != size:
            raise ValueError(f"{len(pixels)} pixels")
        if self._records.columns.sizes:
            sizes = self._records.columns.read_sizes(features)
            if sizes != (*self._shape, 1)[: len(sizes)]:
                raise ValueError(f"a size of {' x '.join(map(str, sizes))}")
        return pixels

    def _make_chunk(self, contents: list[bytes], labels: list[int]) -> Chunk:
        stored = store_shape(self._shape, self._layout)
        images = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, *stored)
        return Chunk(self._layout.arrange_images(images), np.array(labels, np.int64))


def read_pixels(features: Mapping[str, Any], columns: Columns) -> bytes:
    """Return the pixels of a record in the order in which they are stored.

    Raises:
        ValueError: it has none, or they are floats, or not from 0 to 255.
    """
    feature = features.get(columns.image)
    kind = None if feature is None else get_kind(feature)
    if kind == "float_list":
        raise ValueError("pixels that are floats, whose range nothing states")
    if feature is None or kind != "int64_list":
        return columns.read_content(features)
    pixels = np.fromiter(feature.int64_list.value, np.int64)
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 255:
        raise ValueError(f"pixels from {low} to {high}")
    return pixels.astype(np.uint8).tobytes()


def store_shape(shape: tuple[int, ...], layout: ArrayLayout) -> tuple[int, ...]:
    """Return the shape in which an image of (height, width[, channels]) is stored."""
    height, width, *channels = shape
    if layout.transpose:
        height, width = width, height
    if layout.axes == "CHW" and channels:
        return (*channels, height, width)
    return (height, width, *channels)


def choose_shape(
    number: int, sizes: tuple[int, ...], config: SourceConfig, where: str
) -> tuple[int, ...]:
    """Return the (height, width[, channels]) of an image of so many pixels in a row.

    `ingest.shape` counts, else the sizes that the record states, else it is a square.

    Raises:
        BadDataError: they do not fit.
    """
    shape = config.shape or sizes
    if len(shape) == 2 and 0 not in shape and number % prod(shape) == 0 and not config.shape:
        channels = number // prod(shape)
        shape = shape if channels == 1 else (*shape, channels)
    if not shape:
        for channels in (1, 3):  # a square of 4 is one of 1 as well
            side = isqrt(number // channels)
            if side and side * side * channels == number:
                return (side, side) if channels == 1 else (side, side, channels)
    if len(shape) in (2, 3) and min(shape) > 0 and prod(shape) == number:
        return shape
    stated = "ingest.shape" if config.shape else "the record"
    raise BadDataError(
        f"the shape of the images is not known: {escape_line(where)}",
        expected=f"{' x '.join(map(str, shape))} = {prod(shape)} values, as {stated} states"
        if shape
        else "an image file, or the pixels of a square of 1 or 3 channels",
        got=f"{number:,} values",
        follows="nothing was ingested",
        remedy="--set 'ingest.shape=[HEIGHT, WIDTH, CHANNELS]', or name another feature by "
        "ingest.image_column",
    )
