"""Single images out of Examples at rest, by their place in a split, without TensorFlow.

The inverse of `data.examples.tf_example` for a few images: what is not asked for is skipped unread.
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
    """The images at these places of a split, in the order in which they are asked for.

    Args:
        examples: what ingest made.
        split: its name.
        indices: from 0, in the order at rest; one may come twice.

    Returns:
        Images (n, height, width, channels) uint8, 0-255, and labels (n,) int64.

    Raises:
        ConfigError: there is no such split, or no image at one of the places.
        BadDataError: a shard is missing or cut short, or a record is damaged.
        EnvironmentTrouble: a shard cannot be read.
    """
    check_indices(examples, split, indices)
    spec, wanted = examples.spec, sorted(set(indices))
    found = dict(zip(wanted, read_records(examples, split, set(wanted)), strict=False))
    if len(found) < len(wanted):
        raise damaged_examples_error(
            examples.path, f"{examples.num_examples(split):,} {split} images", "fewer"
        )
    chunk = [decode(found[index], spec, examples.path) for index in indices]
    images = np.array([image for image, _ in chunk], np.uint8).reshape(-1, *spec.shape)
    return Chunk(images, np.array([label for _, label in chunk], np.int64))


def check_indices(examples: Examples, split: str, indices: Sequence[int]) -> None:
    """Raises ConfigError where there is no such split, or no image at one of the places."""
    if split not in examples.counts:
        raise ConfigError(
            f"the examples have no split {split!r}", remedy=suggest_names(split, examples.counts)
        )
    total = examples.num_examples(split)
    for index in indices:
        if not 0 <= index < total:
            raise ConfigError(
                f"the split {split!r} has no image {index}",
                expected=f"0 to {total - 1}, for it has {total:,} images" if total else "no index",
                got=index,
            )
