"""A split on the local disk in records of one size, so that images can be read in any order."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from data.batches.sequential import read_batches
from data.errors import ConfigError
from data.examples.artifact import Examples
from data.spec import ImageSpec

_LABEL_BYTES = 8  # int64, after the image's pixels
_AT_ONCE = 1024  # records written at a time
_FETCHES = hasattr(os, "posix_fadvise")


class LocalCopy:
    """The pixels and label of each image, one record after the other, as they lie at rest."""

    def __init__(self, path: Path, spec: ImageSpec) -> None:
        self._path = path
        self._shape = spec.shape
        self._size = spec.image_bytes + _LABEL_BYTES

    @classmethod
    def write(cls, examples: Examples, split: str, scratch: Path | None) -> LocalCopy:
        """Copy a split; what a killed run left of a copy is removed.

        Raises:
            ConfigError: there is no folder to work in.
            OSError: it does not fit onto the disk.
        """
        if scratch is None:
            raise ConfigError("a cache on disk needs a folder to work in", remedy="set train.cache")
        folder = scratch / "records"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        copy = cls(folder / "copy", examples.spec)
        with copy._path.open("wb") as file:
            for images, labels in read_batches(
                examples, split, batch_size=_AT_ONCE
            ).as_numpy_iterator():
                pixels = images.reshape(len(images), -1)
                tail = labels.astype(np.int64)[:, None].view(np.uint8)
                file.write(np.concatenate([pixels, tail], axis=1).tobytes())
        return copy

    def read(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(n,) int64 → images (n, height, width, channels) uint8 and labels (n,) int64."""
        records = tf.numpy_function(self._records, [indices], tf.uint8)
        records = tf.ensure_shape(records, [None, self._size])
        pixels, tail = records[:, :-_LABEL_BYTES], records[:, -_LABEL_BYTES:]
        return tf.reshape(pixels, [-1, *self._shape]), tf.bitcast(tail, tf.int64)

    def _records(self, indices: np.ndarray) -> np.ndarray:
        found = np.empty((len(indices), self._size), np.uint8)
        rows = found.reshape(-1).data
        starts = indices * self._size
        with self._path.open("rb", buffering=0) as file:
            descriptor = file.fileno()
            if (np.diff(starts) == self._size).all():  # in the order at rest
                self._fill(descriptor, rows, int(starts[0]))
                return found
            if _FETCHES:  # all are asked for before the first is waited for
                for start in starts.tolist():
                    os.posix_fadvise(descriptor, start, self._size, os.POSIX_FADV_WILLNEED)
            order = np.argsort(starts)  # as they lie on the disk
            for row, start in zip(order.tolist(), starts[order].tolist(), strict=True):
                self._fill(descriptor, rows[row * self._size : (row + 1) * self._size], start)
        return found

    def _fill(self, descriptor: int, row: memoryview, start: int) -> None:
        done = 0
        while done < len(row):
            count = os.preadv(descriptor, [row[done:]], start + done)
            if not count:
                raise OSError(f"the copy of the images in {self._path} has become shorter")
            done += count
