"""MNIST's own files: IDX, gzip or plain.

The format (http://yann.lecun.com/exdb/mnist): big-endian; magic 0x0000TTDD with type TT = 8 for
uint8 and DD dimensions; DD sizes of 4 bytes; then the bytes in row-major order.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from data.errors import BadDataError
from data.sources import CHUNK_IMAGES, Chunk, Part, SourceConfig
from data.sources.files import find_one, open_maybe_gzip, required_path
from data.sources.labels import check_labels, names_for
from data.spec import ImageSpec

_PREFIX = {"train": "train", "test": "t10k"}
_PART_IMAGES = 20_000  # of a plain file; a gzip file is read from its start, so it is one part
_MAX_COUNT = 1 << 31


class Header(NamedTuple):
    """What an IDX file says it holds."""

    shape: tuple[int, ...]  # (count,) of labels, (count, height, width) of images

    @property
    def start(self) -> int:
        """Where the data begins, in bytes."""
        return 4 + 4 * len(self.shape)


class IdxSource:
    """The four files of MNIST, Fashion-MNIST and their like, in one folder."""

    def __init__(self, config: SourceConfig) -> None:
        folder = required_path(config.path, "idx", "the folder of train-images-idx3-ubyte.gz etc.")
        self._images = {s: find_one(folder, _names(s, "images", 3)) for s in _PREFIX}
        self._labels = {s: find_one(folder, _names(s, "labels", 1)) for s in _PREFIX}
        self._count = {split: self._agreed_count(split) for split in _PREFIX}
        shapes = {split: read_header(self._images[split], 3).shape[1:] for split in _PREFIX}
        if shapes["train"] != shapes["test"]:
            raise BadDataError(
                f"{folder}: train and test images differ in size",
                expected=f"{shapes['train']}, as in train",
                got=f"{shapes['test']} in test",
            )
        labels = {split: self._read_labels(split) for split in _PREFIX}
        names = names_for(config.class_names, max(int(x.max()) for x in labels.values()))
        for split, found in labels.items():
            check_labels(found, len(names), str(self._labels[split]))
        height, width = shapes["train"]
        self._spec = ImageSpec(height=height, width=width, channels=1, class_names=names)

    def spec(self) -> ImageSpec:
        return self._spec

    def parts(self) -> list[Part]:
        return [part for split in _PREFIX for part in self._parts(split)]

    def num_images(self) -> int:
        return sum(self._count.values())

    def read(self, part: Part) -> Iterator[Chunk]:
        path, size = self._images[part.split], self._spec.image_bytes
        labels, stop = self._read_labels(part.split), part.stop or self._count[part.split]
        with open_maybe_gzip(path) as file:
            file.seek(read_header(path, 3).start + part.start * size)
            for start in range(part.start, stop, CHUNK_IMAGES):
                count = min(CHUNK_IMAGES, stop - start)
                pixels = _exactly(file, count * size, path)
                images = np.frombuffer(pixels, np.uint8).reshape(count, *self._spec.shape)
                yield Chunk(images, labels[start : start + count])
            if stop == self._count[part.split]:
                _expect_end(file, path)

    def _parts(self, split: str) -> list[Part]:
        step = self._count[split] if self._images[split].suffix == ".gz" else _PART_IMAGES
        return [
            Part(split=split, index=i, start=start, stop=min(start + step, self._count[split]))
            for i, start in enumerate(range(0, self._count[split], step))
        ]

    def _agreed_count(self, split: str) -> int:
        images, labels = self._images[split], self._labels[split]
        count, labelled = read_header(images, 3).shape[0], read_header(labels, 1).shape[0]
        if count != labelled:
            raise BadDataError(
                f"{labels} does not match {images}",
                expected=f"{count:,} labels, one for each image",
                got=f"{labelled:,}",
                follows="nothing was written: the labels would belong to other images",
                remedy="take both files from the same copy of the dataset",
            )
        return count

    def _read_labels(self, split: str) -> np.ndarray:
        """(n,) int64. Labels are a byte each, so all are read."""
        path = self._labels[split]
        header = read_header(path, 1)
        with open_maybe_gzip(path) as file:
            file.seek(header.start)
            labels = _exactly(file, self._count[split], path)
            _expect_end(file, path)
        return np.frombuffer(labels, np.uint8).astype(np.int64)


def read_header(path: Path, dimensions: int) -> Header:
    """The header of an IDX file of bytes.

    Raises:
        BadDataError: empty, another magic number, or a dimension of 0 or beyond reason.
    """
    with open_maybe_gzip(path) as file:
        head = file.read(4 + 4 * dimensions)
    magic = struct.pack(">HBB", 0, 8, dimensions)
    if head[:4] != magic or len(head) < 4 + 4 * dimensions:
        raise BadDataError(
            f"{path} is no IDX file of {'images' if dimensions == 3 else 'labels'}",
            expected=f"magic {magic.hex()} and {dimensions} sizes",
            got=head[:4].hex() or "an empty file",
            follows="nothing was written",
            remedy="check that images and labels were not swapped, and fetch the file again",
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if 0 in shape or math.prod(shape) > _MAX_COUNT * 64 or shape[0] > _MAX_COUNT:
        raise BadDataError(
            f"{path} has an impossible size",
            expected="images or labels, at least one and each of at least 1 x 1",
            got=" x ".join(map(str, shape)),
            follows="nothing was written",
            remedy="fetch the file again",
        )
    return Header(shape)


def _names(split: str, what: str, dimensions: int) -> list[str]:
    stems = [f"{_PREFIX[split]}-{what}{sep}idx{dimensions}-ubyte" for sep in "-."]
    return [stem + ending for stem in stems for ending in (".gz", "")]


def _exactly(file: BinaryIO, size: int, path: Path) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise BadDataError(
            f"{path} ends too early",
            expected=f"{size:,} more bytes, by its header",
            got=f"{len(data):,}",
            follows="nothing was written",
            remedy="fetch the file again: it was cut short",
        )
    return data


def _expect_end(file: BinaryIO, path: Path) -> None:
    if file.read(1):
        raise BadDataError(
            f"{path} goes on after its last item",
            expected="the end of the file, by its header",
            got="more bytes",
            follows="nothing was written: the header and the data do not agree",
            remedy="fetch the file again",
        )
