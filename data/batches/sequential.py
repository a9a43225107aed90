"""Read Examples as tf.data batches in the order on disk: for validation, pictures and checks.

Images stay uint8 as long as possible; float32 would take four times the memory.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data.batches.parse import make_record_dataset, parse_examples, skip_autograph
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

    @skip_autograph
    def read(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = parse_examples(records, examples.spec)
        return images if transform is None else transform(tf.cast(images, tf.float32)), labels

    dataset = make_record_dataset(examples, split).batch(batch_size)
    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
