"""Sources made of arrays in files: for each split an array of images and one of labels.

The arrays are streamed: memory holds a chunk of them, however large the files.
"""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from math import prod
from typing import IO, Any

import numpy as np

from data.errors import BadDataError, EnvironmentTrouble, summarize_error
from data.sources.class_names import count_labels, infer_class_names
from data.sources.source import Chunk, Part, chunk_size
from data.spec import ImageSpec

PART_IMAGES = 20_000  # of a file that can be entered anywhere: a second's work
_LABELS_AT_A_TIME = 65_536
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
# RuntimeError: a zip file that is encrypted, or compressed in a way that Python cannot read
_CORRUPT = (BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


@contextmanager
def translate_file_errors(name: object, expected: str) -> Iterator[None]:
    """Turn what can go wrong while a file is read into errors that say so.

    Args:
        name: the file, for messages.
        expected: what it should be.

    Raises:
        BadDataError: it does not exist, is no file, or its compression is broken.
        EnvironmentTrouble: it cannot be read: permission, disk, network.
    """
    try:
        yield
    except (*_MISSING, *_CORRUPT, OSError) as error:
        why = {"expected": expected, "follows": "nothing was ingested"}
        why["got"] = getattr(error, "strerror", None) or summarize_error(error)
        if isinstance(error, _MISSING):
            remedy = "check ingest.path; was the dataset downloaded?"
            raise BadDataError(f"{name} is not there", **why, remedy=remedy) from error
        # a broken zip file can point to a place that no file can have
        if isinstance(error, _CORRUPT) or error.errno == errno.EINVAL:
            remedy = "fetch the file again"
            raise BadDataError(f"{name} is truncated or corrupt", **why, remedy=remedy) from error
        remedy = "mend the permissions, the disk or the network, then run the same command again"
        raise EnvironmentTrouble(f"{name} cannot be read", **why, remedy=remedy) from error


@dataclass(frozen=True)
class ArrayFile:
    """An array, row by row in C order, in a file or in a compressed part of one."""

    name: str  # as messages show it
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int  # bytes before the first row
    is_stream: bool  # compressed: a row in the middle is reached only by reading up to it
    open: Callable[[], AbstractContextManager[IO[bytes]]]  # pickled to workers

    def rows(self, start: int, stop: int, step: int) -> Iterator[np.ndarray]:
        """Rows `start` to `stop`, up to `step` at a time; at the array's end the file must end.

        Raises:
            BadDataError: the file ends before the array or goes on behind it, or is corrupt.
            EnvironmentTrouble: it cannot be read.
        """
        row_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        whole = f"{self.shape[0]} rows of {row_bytes} bytes"
        with translate_file_errors(self.name, whole), self.open() as file:
            file.seek(self.offset + start * row_bytes)
            for first in range(start, stop, step):
                wanted = min(step, stop - first)
                content = file.read(wanted * row_bytes)
                if len(content) < wanted * row_bytes:
                    raise self._wrong_size(
                        whole, f"an end in row {first + len(content) // row_bytes}"
                    )
                yield np.frombuffer(content, self.dtype).reshape(wanted, *self.shape[1:])
            # to the very end, where compressed files keep their checksum
            if stop == self.shape[0] and file.read(1):
                raise self._wrong_size(whole, "more bytes behind the last row")

    def _wrong_size(self, expected: str, got: str) -> BadDataError:
        return BadDataError(
            f"{self.name} is not as long as its header says",
            expected=expected,
            got=got,
            follows="nothing was ingested",
            remedy="fetch the file again",
        )


@dataclass(frozen=True)
class LabelledImages:
    """A split: (n, height, width) or (n, height, width, channels) uint8, and n labels."""

    images: ArrayFile
    labels: ArrayFile

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.shape[0] != labels.shape[0]:
            raise BadDataError(
                "there are not as many labels as images",
                expected=f"one label for each of {images.shape[0]} images in {images.name}",
                got=f"{labels.shape[0]} in {labels.name}",
                follows="nothing was ingested",
                remedy="check that both files belong to the same split of the same dataset",
            )
        if images.shape[0] == 0:
            raise BadDataError(
                f"{images.name} holds no image",
                expected="one or more",
                got="0",
                follows="nothing was ingested",
                remedy="was the dataset downloaded, or only begun?",
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = (*self.images.shape[1:], 1)[:3]
        return height, width, channels

    def chunks(self, start: int, stop: int) -> Iterator[Chunk]:
        shape = self.image_shape
        step = chunk_size(prod(shape))
        images, labels = (a.rows(start, stop, step) for a in (self.images, self.labels))
        for some, theirs in zip(images, labels, strict=True):
            yield Chunk(some.reshape(-1, *shape), theirs.reshape(-1).astype(np.int64))


class ArraySource:
    """A `Source` of a `LabelledImages` for each split; the labels are read once at the start."""

    def __init__(
        self, splits: Mapping[str, LabelledImages], class_names: tuple[str, ...] | None
    ) -> None:
        self._splits = dict(splits)
        counts: Counter[int] = Counter()
        for split in splits.values():
            labels = split.labels
            for some in labels.rows(0, labels.shape[0], _LABELS_AT_A_TIME):
                counts.update(count_labels(some))
        where = " and ".join(split.labels.name for split in splits.values())
        names = infer_class_names(counts, class_names, where)
        height, width, channels = self._shape()
        self._spec = ImageSpec(height=height, width=width, channels=channels, class_names=names)

    def _shape(self) -> tuple[int, int, int]:
        shapes = {s.images.name: s.image_shape for s in self._splits.values()}
        if len(set(shapes.values())) > 1:
            raise BadDataError(
                "the splits hold images of different sizes",
                expected="one size",
                got=", ".join(f"{shape} in {name}" for name, shape in shapes.items()),
                follows="nothing was ingested",
                remedy="check that the files belong to the same dataset",
            )
        return next(iter(shapes.values()))

    def spec(self) -> ImageSpec:
        return self._spec

    def parts(self) -> list[Part]:
        found = []
        for name, split in self._splits.items():
            total = split.images.shape[0]
            step = total if split.images.is_stream else PART_IMAGES
            for index, start in enumerate(range(0, total, step)):
                found.append(Part(name, index, start, min(start + step, total)))
        return found

    def num_images(self) -> int:
        return sum(split.images.shape[0] for split in self._splits.values())

    def read(self, part: Part) -> Iterator[Chunk]:
        split = self._splits[part.split]
        stop = split.images.shape[0] if part.stop is None else part.stop
        return split.chunks(part.start, stop)
