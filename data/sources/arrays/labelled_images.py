"""Read images together with their labels, from a file of each or from one that holds both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from data.errors import BadDataError
from data.sources.arrays.array_files import ArrayFile
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.class_names import count_labels
from data.sources.source import Chunk, chunk_size

PART_IMAGES = 20_000  # per part of a file that allows random access: about a second
_LABELS_AT_A_TIME = 65_536
_BYTES_AT_A_TIME = 4 << 20


class Labelled(Protocol):
    """Some images of a split with their labels; pickled to workers."""

    @property
    def name(self) -> str:
        """Return the file with the images, as messages show it."""
        ...

    @property
    def label_name(self) -> str:
        """Return the file or column with the labels, as messages show it."""
        ...

    @property
    def num_images(self) -> int: ...

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Return the shape of an image as it is stored."""
        ...

    @property
    def starts(self) -> Sequence[int]:
        """Return the images at which a worker may begin to read, from 0."""
        ...

    def count_labels(self) -> Counter[int]:
        """Count the labels, as they are stored: label → number of images."""
        ...

    def read(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        """Read the images from `start`, one of `starts`, to `stop` in chunks."""
        ...


@dataclass(frozen=True)
class LabelledImages:
    """n images, uint8 of three or four dimensions, and n labels, in an array each."""

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
            raise no_images_error(images.name)

    @property
    def name(self) -> str:
        return self.images.name

    @property
    def label_name(self) -> str:
        return self.labels.name

    @property
    def num_images(self) -> int:
        return self.images.shape[0]

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.images.shape[1:]

    @property
    def starts(self) -> Sequence[int]:
        return range(0, self.num_images, self.num_images if self.images.is_stream else PART_IMAGES)

    def count_labels(self) -> Counter[int]:
        row_bytes = prod(self.labels.shape[1:]) * self.labels.dtype.itemsize
        step = min(_LABELS_AT_A_TIME, max(1, _BYTES_AT_A_TIME // row_bytes))
        counts: Counter[int] = Counter()
        for labels in self.labels.rows(0, self.num_images, step):
            counts.update(count_labels(labels.reshape(len(labels), -1)[:, 0]))
        return counts

    def read(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        step = chunk_size(prod(self.image_shape))
        pairs = (a.rows(start, stop, step) for a in (self.images, self.labels))
        for images, labels in zip(*pairs, strict=True):
            yield Chunk(layout.arrange_images(images), layout.arrange_labels(labels))


@dataclass(frozen=True)
class LabelledRecords:
    """Records of labels and an image, in one file."""

    records: ArrayFile  # (n,) of a dtype with `labels`, (k,) uint8, and `image`
    label: int  # which of the labels counts

    @property
    def name(self) -> str:
        return self.records.name

    label_name = name

    @property
    def num_images(self) -> int:
        return self.records.shape[0]

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.records.dtype["image"].shape

    @property
    def starts(self) -> Sequence[int]:
        return range(0, self.num_images, PART_IMAGES)

    def count_labels(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for records in self._read(0, self.num_images):
            counts.update(count_labels(records["labels"][:, self.label]))
        return counts

    def read(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        for records in self._read(start, stop):
            labels = layout.arrange_labels(records["labels"][:, self.label])
            yield Chunk(layout.arrange_images(records["image"]), labels)

    def _read(self, start: int, stop: int) -> Iterator[np.ndarray]:
        return self.records.rows(start, stop, chunk_size(self.records.dtype.itemsize))


def no_images_error(name: object) -> BadDataError:
    """Return the error for a file without images."""
    return BadDataError(
        f"{name} contains no images",
        expected="one or more images",
        got="0",
        follows="nothing was ingested",
        remedy="check that the download of the dataset is complete",
    )
