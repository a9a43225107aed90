"""Examples → tf.data batches: the only input pipeline.

    shards → parse in large batches → cache (uint8) → shuffle all → batch → transform → prefetch

Images stay uint8 until the last moment; float32 would be four times the memory.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data.examples import Examples
from data.spec import IMAGE, LABEL, ImageSpec

_PARSE = 1024  # records per call of the parser


def parse_examples(serialized: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """(n,) serialized tf.Examples → images (n, height, width, channels) uint8, labels (n,) int64.

    Raises:
        tf.errors.InvalidArgumentError: a record without these features or of another size.
    """
    features = tf.io.parse_example(
        serialized,
        {
            IMAGE: tf.io.FixedLenFeature([], tf.string),
            LABEL: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    pixels = tf.io.decode_raw(features[IMAGE], tf.uint8)
    return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape]), features[LABEL]


def batches(
    examples: Examples,
    split: str,
    *,
    batch_size: int,
    transform: Callable[[tf.Tensor], tf.Tensor] | None = None,
    shuffle_seed: int | None = None,
) -> tf.data.Dataset:
    """A split as batches of (images, labels).

    Args:
        examples: what ingest made.
        split: its name.
        batch_size: images per batch; the last batch of an epoch holds what is left.
        transform: from float32 images (n, height, width, channels), 0-255, to what the model is
            to see; None leaves them uint8.
        shuffle_seed: shuffle the whole split, anew in each epoch, in an order that the seed
            decides; None keeps the order at rest.

    Returns:
        Batches of images, transformed or uint8, and labels (n,) int64; cached in memory.
    """
    spec, total = examples.spec, examples.num_examples(split)
    shards = [str(shard) for shard in examples.shards(split)]
    dataset = tf.data.TFRecordDataset(shards).batch(_PARSE)
    dataset = dataset.map(lambda records: parse_examples(records, spec)).unbatch().cache()
    if shuffle_seed is not None:
        dataset = dataset.shuffle(total, seed=shuffle_seed, reshuffle_each_iteration=True)
    dataset = dataset.batch(batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-total // batch_size)))
    if transform is not None:
        dataset = dataset.map(
            lambda images, labels: (transform(tf.cast(images, tf.float32)), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return dataset.prefetch(tf.data.AUTOTUNE)
