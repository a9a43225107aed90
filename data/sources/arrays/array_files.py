"""Read sources whose files hold an array of images and one of labels for each split.

The arrays are streamed: memory holds one chunk, however large the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np

from data.errors import BadDataError
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.class_names import count_labels, infer_class_names
from data.sources.source import Chunk, Part, chunk_size
from data.sources.source_config import SourceConfig
from data.spec import ImageSpec

PART_IMAGES = 20_000  # per part of a file that allows random access: about a second
_LABELS_AT_A_TIME = 65_536


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


@dataclass(frozen=True)
class LabelledImages:
    """A split: n images, uint8 of three or four dimensions, and n labels, as they are stored."""

    images: ArrayFile
    labels: ArrayFile

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.shape[0] != labels.shape[0]:
            raise BadDataError(
                "the numbers of images and labels differ",
                expected=f"one label for each of {images.shape[0]} images in {images.name}",
                got=f"{labels.shape[0]} in {labels.name}",
                follows="nothing was ingested",
                remedy="check that both files belong to the same split of the same dataset",
            )
        if images.shape[0] == 0:
            raise BadDataError(
                f"{images.name} contains no images",
                expected="one or more images",
                got="0",
                follows="nothing was ingested",
                remedy="check that the download of the dataset is complete",
            )

    def chunks(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        """Read the images from `start` to `stop` in chunks."""
        step = chunk_size(prod(self.images.shape[1:]))
        pairs = (a.rows(start, stop, step) for a in (self.images, self.labels))
        for images, labels in zip(*pairs, strict=True):
            yield Chunk(layout.arrange_images(images), layout.arrange_labels(labels))


class ArraySource:
    """A `Source` with `LabelledImages` for each split; it reads all labels when it is made.

    Images under None have no split.
    """

    def __init__(self, splits: Mapping[str | None, LabelledImages], config: SourceConfig) -> None:
        self._splits = dict(splits)
        self._layout = ArrayLayout.of(config)
        counts: Counter[int] = Counter()
        for split in splits.values():
            labels = split.labels
            for chunk in labels.rows(0, labels.shape[0], _LABELS_AT_A_TIME):
                counts.update(count_labels(self._layout.arrange_labels(chunk)))
        where = " and ".join(split.labels.name for split in splits.values())
        names = infer_class_names(counts, config.class_names, where)
        height, width, channels = self._shape()
        self._spec = ImageSpec(height=height, width=width, channels=channels, class_names=names)

    def _shape(self) -> tuple[int, int, int]:
        shapes = {
            split.images.name: self._layout.arrange_shape(split.images.shape[1:])
            for split in self._splits.values()
        }
        if len(set(shapes.values())) > 1:
            raise BadDataError(
                "the splits have images of different sizes",
                expected="one size for all splits",
                got=", ".join(f"{shape} in {name}" for name, shape in shapes.items()),
                follows="nothing was ingested",
                remedy="check that the files belong to the same dataset",
            )
        return next(iter(shapes.values()))

    def spec(self) -> ImageSpec:
        return self._spec

    def parts(self) -> list[Part]:
        parts = []
        for name, split in self._splits.items():
            total = split.images.shape[0]
            step = total if split.images.is_stream else PART_IMAGES
            for index, start in enumerate(range(0, total, step)):
                parts.append(Part(name, index, start, min(start + step, total)))
        return parts

    def num_images(self) -> int:
        return sum(split.images.shape[0] for split in self._splits.values())

    def read(self, part: Part) -> Iterator[Chunk]:
        split = self._splits[part.split]
        stop = split.images.shape[0] if part.stop is None else part.stop
        return split.chunks(part.start, stop, self._layout)
