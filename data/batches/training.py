"""The train split as training is fed: shuffled anew in each epoch, in chunks of many batches.

    memory   all images in one uint8 tensor → each epoch a permutation → gather chunk by chunk
    disk     shards → a copy on the local disk → each epoch a permutation → read chunk by chunk
    stream   shards in a new order each epoch, interleaved → shuffle buffer → chunk → parse

A chunk holds the images of several optimizer steps, uint8, so that whatever tf.data costs for an
element is shared by all of them; the compiled training loop cuts it into batches. The order is a
function of seed and epoch alone, so "epoch 3, step 1,500" names a place to go on from.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from data.batches.local_copy import LocalCopy
from data.batches.parse import assert_count, list_checked_shards, parse_examples, skip_autograph
from data.batches.sequential import read_batches
from data.examples.artifact import Examples

Cache = Literal["memory", "disk", "stream"]
SPLIT = "train"
MEMORY_SHARE = 0.25  # of the memory: what the images, or the shuffle buffer, may take at most
BUFFER_BYTES = 64 << 20  # of the shuffle buffer where the images are not in memory,
BUFFER_IMAGES = 10_000  # or so many images where that is more
DISK_SHARE = 0.5  # of the free space of the scratch folder's disk
_CHUNK_BYTES = 16 << 20
_CHUNK_STEPS = 64  # past this, what an element costs is far below a hundredth of its steps
_READ = 1024  # records parsed at a time
_SHARDS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How the train split comes. JSON-able but for `scratch`.

    cache: where the images lie between epochs.
    shuffle: images in the shuffle buffer; the whole split where they lie at hand, or it fits; 0:
        the order at rest.
    batch_size: images per optimizer step; the last step of an epoch has what is left.
    chunk_steps: optimizer steps per element of the dataset.
    """

    cache: Cache
    shuffle: int
    batch_size: int
    chunk_steps: int


def plan_feed(
    examples: Examples,
    *,
    batch_size: int,
    cache: Cache | Literal["auto"] = "auto",
    shuffle: bool = True,
    scratch: Path | None = None,
    memory: int | None = None,
) -> Feed:
    """Choose where the images lie: in memory within its share, else on the scratch disk within
    its share, else nowhere, so that they are read from the shards in each epoch.

    Args:
        scratch: a local folder for the copy; None: none can be made.
        memory: bytes to reckon with; None: what this machine, or its container, has.
    """
    image, total = examples.spec.image_bytes, examples.num_examples(SPLIT)
    budget = int((memory or memory_bytes()) * MEMORY_SHARE)
    if cache == "auto":
        cache = "stream"
        if total * image <= budget:
            cache = "memory"
        elif scratch and total * image <= shutil.disk_usage(scratch).free * DISK_SHARE:
            cache = "disk"
    buffer = total
    if cache == "stream":
        buffer = max(1, min(total, max(BUFFER_BYTES // image, BUFFER_IMAGES), budget // image))
    steps = min(_CHUNK_STEPS, math.ceil(total / batch_size), _CHUNK_BYTES // (batch_size * image))
    return Feed(
        cache=cache,
        shuffle=buffer if shuffle else 0,
        batch_size=batch_size,
        chunk_steps=max(1, steps),
    )


def read_training_chunks(
    examples: Examples,
    feed: Feed,
    *,
    epochs: int,
    seed: int,
    first_step: int = 0,
    scratch: Path | None = None,
) -> tf.data.Dataset:
    """The chunks of all epochs, one after the other.

    Iterate it inside `records.sound_records`.

    Args:
        seed: with the epoch, decides the order.
        first_step: the optimizer step, counted over all epochs, to begin with: the first chunk is
            the one that holds it.
        scratch: the folder of the copy, emptied first; for the cache `disk`.

    Returns:
        Elements of images (n, height, width, channels) uint8 and labels (n,) int64, n =
        `batch_size * chunk_steps`, or what is left at an epoch's end.
    """
    epoch, step = divmod(first_step, math.ceil(examples.num_examples(SPLIT) / feed.batch_size))
    remaining, skip = tf.data.Dataset.range(epoch, epochs), step // feed.chunk_steps
    if feed.cache == "memory":
        chunks = _from_memory(examples, feed, remaining, seed, skip)
    elif feed.cache == "disk":
        chunks = _from_disk(examples, feed, remaining, seed, skip, scratch)
    else:
        chunks = _from_records(examples, feed, remaining, seed, skip)
    options = tf.data.Options()
    # Nothing here is left to tune, and the tuner's thread sleeps ever longer: seconds at the end.
    options.autotune.enabled = False
    return chunks.prefetch(2).with_options(options)


def _from_memory(
    examples: Examples, feed: Feed, epochs: tf.data.Dataset, seed: int, skip: int
) -> tf.data.Dataset:
    images, labels = _load_split(examples)
    total, size = examples.num_examples(SPLIT), feed.batch_size * feed.chunk_steps

    @skip_autograph
    def places(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(total)
        if feed.shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=[seed, epoch])
        count = math.ceil(total / size)
        return tf.data.Dataset.range(count).map(
            skip_autograph(lambda i: order[i * size : (i + 1) * size])
        )

    @skip_autograph
    def gather(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(images, at), tf.gather(labels, at)

    return epochs.flat_map(places).skip(skip).map(gather)


def _load_split(examples: Examples) -> tuple[tf.Tensor, tf.Tensor]:
    total, start = examples.num_examples(SPLIT), 0
    images = np.empty((total, *examples.spec.shape), np.uint8)
    labels = np.empty(total, np.int64)
    for some, their in read_batches(examples, SPLIT, batch_size=_READ).as_numpy_iterator():
        images[start : start + len(some)], labels[start : start + len(some)] = some, their
        start += len(some)
    with tf.device("/CPU:0"):
        return tf.constant(images), tf.constant(labels)


def _from_disk(
    examples: Examples,
    feed: Feed,
    epochs: tf.data.Dataset,
    seed: int,
    skip: int,
    scratch: Path | None,
) -> tf.data.Dataset:
    copy = LocalCopy.write(examples, SPLIT, scratch)
    total, size = examples.num_examples(SPLIT), feed.batch_size * feed.chunk_steps

    @skip_autograph
    def indices(epoch: tf.Tensor) -> tf.data.Dataset:
        @skip_autograph
        def of_chunk(chunk: tf.Tensor) -> tf.Tensor:
            at = tf.range(chunk * size, tf.minimum((chunk + 1) * size, total))
            if not feed.shuffle:
                return at
            # Each index's image in this epoch, computed: a list of them would grow with the data.
            return tf.random.experimental.index_shuffle(at, [seed, epoch], total - 1)

        return tf.data.Dataset.range(math.ceil(total / size)).map(of_chunk)

    return epochs.flat_map(indices).skip(skip).map(skip_autograph(copy.read))


def _from_records(
    examples: Examples, feed: Feed, epochs: tf.data.Dataset, seed: int, skip: int
) -> tf.data.Dataset:
    shards = tf.constant(list_checked_shards(examples, SPLIT))

    @skip_autograph
    def read(epoch: tf.Tensor) -> tf.data.Dataset:
        order = shards
        if feed.shuffle:
            order = tf.random.experimental.stateless_shuffle(shards, seed=[seed, epoch])
        records = tf.data.Dataset.from_tensor_slices(order).interleave(
            tf.data.TFRecordDataset,
            cycle_length=_SHARDS_AT_ONCE,
            block_length=16,
            num_parallel_calls=_SHARDS_AT_ONCE,
            deterministic=True,
        )
        records = assert_count(records, examples, SPLIT)
        if feed.shuffle:
            # The seed of this graph alone: beside 0, shuffle takes no tensor for its own.
            tf.compat.v1.set_random_seed(1)
            records = records.shuffle(feed.shuffle, seed=seed * 1_000_003 + epoch)
        return records.batch(feed.batch_size * feed.chunk_steps)

    @skip_autograph
    def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return parse_examples(records, examples.spec)

    return epochs.flat_map(read).skip(skip).map(parse, num_parallel_calls=2)


def memory_bytes() -> int:
    """What this machine has, or the container allows."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found = min(found, int(Path(limit).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return found
