"""Read a split in the order on disk again and again, such as for the validation of each epoch.

Files of encoded Examples are decoded and fitted once, if the images fit into memory or on the
scratch disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from data.batches.local_copy import LocalCopy
from data.batches.parse import skip_autograph
from data.batches.sequential import read_batches
from data.batches.training import choose_cache
from data.examples.artifact import Examples


def read_again(
    examples: Examples,
    split: str,
    *,
    batch_size: int,
    transform: Callable[[tf.Tensor], tf.Tensor],
    scratch: Path | None = None,
    memory: int | None = None,
) -> tf.data.Dataset:
    """Read a split as `read_batches` does, for many passes.

    Args:
        examples: the dataset.
        split: its name.
        batch_size: images per batch; the last batch may be smaller.
        transform: as of `read_batches`.
        scratch: a local folder for a copy; None: no copy can be made.
        memory: available bytes; None: the memory of this machine or container.
    """
    if examples.store == "raw":
        return read_batches(examples, split, batch_size=batch_size, transform=transform)
    cache = choose_cache(examples, split, scratch, memory)
    if cache == "disk" and scratch:
        batches = _read_copy(examples, split, batch_size, scratch / split)
    else:
        batches = read_batches(examples, split, batch_size=batch_size)
        if cache == "memory":
            batches = batches.cache()

    @skip_autograph
    def finish(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return transform(tf.cast(images, tf.float32)), labels

    return batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _read_copy(examples: Examples, split: str, batch_size: int, scratch: Path) -> tf.data.Dataset:
    copy, total = LocalCopy.write(examples, split, scratch), examples.num_examples(split)

    @skip_autograph
    def read(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        start = batch * batch_size
        return copy.read(tf.range(start, tf.minimum(start + batch_size, total)))

    return tf.data.Dataset.range(math.ceil(total / batch_size)).map(read)
