"""Read single images of Examples by their index in a split; all others are skipped unread.

Raw images are read without TensorFlow; for files of encoded Examples it is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from data.errors import ConfigError, suggest_names
from data.examples.artifact import Examples
from data.examples.tf_example import Record, decode
from data.examples.tfrecord import damaged_examples_error, read_records
from data.sources import Chunk
from data.spec import ImageSpec

_AT_ONCE = 16  # records in memory


def read_images(examples: Examples, split: str, indices: Sequence[int]) -> Chunk:
    """Read the images at some indices of a split, in the order of the indices.

    Args:
        examples: the dataset.
        split: its name.
        indices: from 0, in the order on disk; repetitions are allowed.

    Returns:
        Images (n, height, width, channels) uint8, 0-255, and labels (n,) int64.

    Raises:
        ConfigError: unknown split, or an index out of range.
        BadDataError: a shard is missing or truncated, or a record or its image file is damaged.
        EnvironmentTrouble: a shard cannot be read.
    """
    check_indices(examples, split, indices)
    spec, unique = examples.spec, sorted(set(indices))
    pixels: list[np.ndarray] = []
    labels: list[int] = []
    contents = read_records(examples, split, set(unique))
    while records := [decode(r, spec, examples.path) for r in islice(contents, _AT_ONCE)]:
        pixels += _read_pixels(records, spec, examples.path)
        labels += [record.label for record in records]
    if len(labels) < len(unique):
        raise damaged_examples_error(
            examples.path, f"{examples.num_examples(split):,} {split} images", "fewer"
        )
    positions = np.searchsorted(unique, np.array(indices, np.int64))
    images = np.array(pixels, np.uint8).reshape(-1, *spec.shape)
    return Chunk(images[positions], np.array(labels, np.int64)[positions])


def _read_pixels(records: Sequence[Record], spec: ImageSpec, path: Path) -> list[np.ndarray]:
    """Return the pixels of each record: (height, width, channels) uint8."""
    files = _read_files([record.content for record in records if record.is_file], spec, path)
    return [
        next(files) if record.is_file else _reshape(record.content, spec, path)
        for record in records
    ]


def _read_files(contents: Sequence[bytes], spec: ImageSpec, path: Path) -> Iterator[np.ndarray]:
    if not contents:
        return
    from data.images.read_files import read_files

    for image in read_files(contents, spec, ()):
        if image.pixels is None:
            problem = image.problem or "a damaged file"
            raise damaged_examples_error(path, "image files that can be decoded", problem)
        yield image.pixels


def _reshape(content: bytes, spec: ImageSpec, path: Path) -> np.ndarray:
    if len(content) != spec.image_bytes:
        expected = f"tf.Examples of images of shape {spec.shape}"
        raise damaged_examples_error(path, expected, f"{len(content):,} bytes of pixels")
    return np.frombuffer(content, np.uint8).reshape(spec.shape)


def check_indices(examples: Examples, split: str, indices: Sequence[int]) -> None:
    """Check indices. Raises ConfigError for an unknown split or an index out of range."""
    if split not in examples.counts:
        raise ConfigError(
            f"the examples have no split {split!r}", remedy=suggest_names(split, examples.counts)
        )
    total = examples.num_examples(split)
    for index in indices:
        if not 0 <= index < total:
            raise ConfigError(
                f"the split {split!r} has no image {index}",
                expected=f"0 to {total - 1}: the split has {total:,} images"
                if total
                else "no index",
                got=index,
                remedy="choose an index in this range",
            )
