"""Read Examples as tf.data batches in the order on disk: for validation, pictures and checks.

Images stay uint8 as long as possible; float32 would take four times the memory.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data.batches.parse import make_record_dataset, parse_batches, translate_record_errors
from data.examples.artifact import Examples


def read_batches(
    examples: Examples,
    split: str,
    *,
    batch_size: int,
    transform: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Read a split as batches of (images, labels); each pass reads the files again.

    Iterate it inside `parse.translate_record_errors`, which explains damaged shards.

    Args:
        examples: the dataset.
        split: its name.
        batch_size: images per batch; the last batch may be smaller.
        transform: maps float32 images (n, height, width, channels), 0-255, to the model's
            inputs; None: the images stay uint8.

    Returns:
        Batches of images, transformed or uint8, and labels (n,) int64, with known cardinality.
    """
    batches = parse_batches(
        make_record_dataset(examples, split),
        examples,
        batch_size,
        transform=(lambda images: transform(tf.cast(images, tf.float32))) if transform else None,
    )
    return batches.prefetch(tf.data.AUTOTUNE)


def check_images(examples: Examples, split: str) -> None:
    """Read all images of a split. Raises BadDataError for a record or a file that is damaged."""
    with translate_record_errors(examples):
        for _ in read_batches(examples, split, batch_size=1):
            pass
