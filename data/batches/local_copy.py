"""Copy a split to the local disk in records of equal size, to read images in any order."""

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
_BATCH = 1024  # records written at a time
_CAN_PREFETCH = hasattr(os, "posix_fadvise")


class LocalCopy:
    """A file with the pixels and label of each image, in the order on disk of the split."""

    def __init__(self, path: Path, spec: ImageSpec) -> None:
        self._path = path
        self._shape = spec.shape
        self._size = spec.image_bytes + _LABEL_BYTES

    @classmethod
    def write(cls, examples: Examples, split: str, scratch: Path | None) -> LocalCopy:
        """Copy a split, and remove an incomplete copy of a killed run.

        Raises:
            ConfigError: no scratch folder.
            OSError: the disk is full.
        """
        if scratch is None:
            raise ConfigError(
                "train.cache = 'disk' needs a scratch folder, and this context has none",
                remedy="set train.cache to another value, or give the context a scratch folder",
            )
        folder = scratch / "records"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        copy = cls(folder / "copy", examples.spec)
        with copy._path.open("wb") as file:
            for images, labels in read_batches(
                examples, split, batch_size=_BATCH
            ).as_numpy_iterator():
                pixels = images.reshape(len(images), -1)
                tail = labels.astype(np.int64)[:, None].view(np.uint8)
                file.write(np.concatenate([pixels, tail], axis=1).tobytes())
        return copy

    def read(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Read (n,) indices: images (n, height, width, channels) uint8 and labels (n,) int64."""
        records = tf.numpy_function(self._read_records, [indices], tf.uint8)
        records = tf.ensure_shape(records, [None, self._size])
        pixels, tail = records[:, :-_LABEL_BYTES], records[:, -_LABEL_BYTES:]
        return tf.reshape(pixels, [-1, *self._shape]), tf.bitcast(tail, tf.int64)

    def _read_records(self, indices: np.ndarray) -> np.ndarray:
        records = np.empty((len(indices), self._size), np.uint8)
        rows = records.reshape(-1).data
        starts = indices * self._size
        with self._path.open("rb", buffering=0) as file:
            descriptor = file.fileno()
            if (np.diff(starts) == self._size).all():  # in the order on disk
                self._fill(descriptor, rows, int(starts[0]))
                return records
            if _CAN_PREFETCH:  # start all reads before waiting for the first
                for start in starts.tolist():
                    os.posix_fadvise(descriptor, start, self._size, os.POSIX_FADV_WILLNEED)
            order = np.argsort(starts)  # the order on disk
            for row, start in zip(order.tolist(), starts[order].tolist(), strict=True):
                self._fill(descriptor, rows[row * self._size : (row + 1) * self._size], start)
        return records

    def _fill(self, descriptor: int, row: memoryview, start: int) -> None:
        done = 0
        while done < len(row):
            count = os.preadv(descriptor, [row[done:]], start + done)
            if not count:
                raise OSError(
                    f"{self._path}, the local copy of the images, was truncated while it was in use"
                )
            done += count
