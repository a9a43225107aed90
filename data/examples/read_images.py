"""Read single images of Examples by their index in a split, without TensorFlow.

The inverse of `data.examples.tf_example` for a few images; all others are skipped unread.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.errors import ConfigError, suggest_names
from data.examples.artifact import Examples
from data.examples.tf_example import decode
from data.examples.tfrecord import damaged_examples_error, read_records
from data.sources import Chunk


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
        BadDataError: a shard is missing or truncated, or a record is damaged.
        EnvironmentTrouble: a shard cannot be read.
    """
    check_indices(examples, split, indices)
    spec, unique = examples.spec, sorted(set(indices))
    records = dict(zip(unique, read_records(examples, split, set(unique)), strict=False))
    if len(records) < len(unique):
        raise damaged_examples_error(
            examples.path, f"{examples.num_examples(split):,} {split} images", "fewer"
        )
    chunk = [decode(records[index], spec, examples.path) for index in indices]
    images = np.array([image for image, _ in chunk], np.uint8).reshape(-1, *spec.shape)
    return Chunk(images, np.array([label for _, label in chunk], np.int64))


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
