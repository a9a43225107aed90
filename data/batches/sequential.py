"""Examples → tf.data batches, in the order at rest: for validation, pictures and checks.

Images stay uint8 until the last moment; float32 would be four times the memory.
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
    """A split as batches of (images, labels), read anew at each pass.

    Iterate it inside `records.sound_records`, which says what is wrong with a corrupt shard.

    Args:
        examples: what ingest made.
        split: its name.
        batch_size: images per batch; the last batch holds what is left.
        transform: from float32 images (n, height, width, channels), 0-255, to what the model is
            to see; None leaves them uint8.

    Returns:
        Batches of images, transformed or uint8, and labels (n,) int64. Their number is known.
    """

    @skip_autograph
    def read(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = parse_examples(records, examples.spec)
        return images if transform is None else transform(tf.cast(images, tf.float32)), labels

    dataset = make_record_dataset(examples, split).batch(batch_size)
    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
