"""Examples → tf.data batches: the only input pipeline.

    shards → parse in large batches → cache (uint8) → shuffle all → batch → transform → prefetch

Images stay uint8 until the last moment; float32 would be four times the memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from data.errors import BadDataError
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
    cache: bool = True,
) -> tf.data.Dataset:
    """A split as batches of (images, labels).

    Iterate it inside `sound_records`, which says what is wrong with a corrupt shard.

    Args:
        examples: what ingest made.
        split: its name.
        batch_size: images per batch; the last batch of an epoch holds what is left.
        transform: from float32 images (n, height, width, channels), 0-255, to what the model is
            to see; None leaves them uint8.
        shuffle_seed: shuffle the whole split, anew in each epoch, in an order that the seed
            decides; None keeps the order at rest. The whole split lies in memory for it: 47 MB
            for MNIST, beside which a smaller buffer would leave classes in runs as they came.
        cache: keep the split in memory after the first epoch; without, each epoch reads it anew.

    Returns:
        Batches of images, transformed or uint8, and labels (n,) int64. Their number is known.
    """
    spec, total = examples.spec, examples.num_examples(split)
    shards = [str(shard) for shard in examples.shards(split)]
    dataset = tf.data.TFRecordDataset(shards).batch(_PARSE)
    dataset = dataset.map(lambda records: parse_examples(records, spec)).unbatch()
    # here, and not behind the batches, so that a split with too few or too many records is found
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(total))
    if cache:
        dataset = dataset.cache()
    if shuffle_seed is not None:
        dataset = dataset.shuffle(max(total, 1), seed=shuffle_seed, reshuffle_each_iteration=True)
    dataset = dataset.batch(batch_size)
    if transform is not None:
        dataset = dataset.map(
            lambda images, labels: (transform(tf.cast(images, tf.float32)), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return dataset.prefetch(tf.data.AUTOTUNE)


@contextmanager
def sound_records(examples: Examples) -> Iterator[None]:
    """Turn what TensorFlow says of corrupt or missing shards, when batches are read, into words.

    Raises:
        BadDataError: a record's checksum is wrong, a record is no example of this size, or there
            are more or fewer records than there should be.
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.FailedPreconditionError,
        tf.errors.NotFoundError,
    ) as error:
        if "IteratorGetNext" not in str(error):  # the model's, not the input's
            raise
        raise BadDataError(
            f"the examples in {examples.path} cannot be read",
            expected=f"whole TFRecords of images of shape {examples.spec.shape}: "
            f"{examples.summary}",
            got=_reason(error),
            remedy="ingest again; if it comes back, check the disk",
        ) from error


def _reason(error: tf.errors.OpError) -> str:
    """What TensorFlow says in the middle of names of nodes and a traceback of its own."""
    text = re.split(r"\n\s*\[\[|\s*\[Op:", str(error))[0]
    return re.sub(r"^{{.*?}} ", "", text.splitlines()[-1])
