"""Read the train split in chunks of many batches, with a new order in each epoch.

    memory   all images in one uint8 tensor → a permutation per epoch → gather chunk by chunk
    disk     shards → a copy on the local disk → a permutation per epoch → read chunk by chunk
    stream   shards in a new order per epoch, interleaved → shuffle buffer → parse → chunk

Files of encoded Examples are decoded and fitted where they are parsed: once for memory and disk, in
each epoch for stream.

A chunk has the uint8 images of several optimizer steps, which share the cost of one element of
tf.data; the compiled training loop cuts it into batches. The order depends on seed and epoch alone,
so that training can be resumed at any step of any epoch.
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
from data.batches.parse import (
    assert_count,
    list_checked_shards,
    measure_records,
    parse_batches,
    skip_autograph,
)
from data.batches.sequential import read_batches
from data.examples.artifact import Examples
from data.examples.tf_example import encode_content
from data.spec import IMAGE, LABEL

Cache = Literal["memory", "disk", "stream"]
SPLIT = "train"
MEMORY_SHARE = 0.25  # largest share of the memory for the images, or for the shuffle buffer
BUFFER_BYTES = 64 << 20  # size of the shuffle buffer where the images are not in memory,
BUFFER_IMAGES = 10_000  # or this number of images, if that is more
DISK_SHARE = 0.5  # largest share of the free space of the scratch folder's disk
_CHUNK_BYTES = 16 << 20
_CHUNK_STEPS = 64  # beyond this, an element costs far less than 1 % of its steps
_BATCH = 1024  # records parsed at a time
_SHARDS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How the train split is read; JSON-able.

    Attributes:
        cache: where the images are kept between epochs.
        shuffle: images in the shuffle buffer: the whole split for `memory` and `disk`, or where it
            fits; 0: no shuffling.
        batch_size: images per optimizer step; the last step of an epoch may have fewer.
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
    """Choose where to keep the images: in memory or on the scratch disk where they fit.

    Where neither has room, the shards are read in each epoch.

    Args:
        examples: the dataset.
        batch_size: images per optimizer step.
        cache: "auto", or the choice itself.
        shuffle: whether to shuffle.
        scratch: a local folder for a copy; None: no copy can be made.
        memory: available bytes; None: the memory of this machine or container.
    """
    image, total = examples.spec.image_bytes, examples.num_examples(SPLIT)
    if cache == "auto":
        cache = choose_cache(examples, SPLIT, scratch, memory)
    buffer = total
    if cache == "stream":
        budget = int((memory or memory_bytes()) * MEMORY_SHARE)
        # The buffer holds records: files may be larger than the images that are made from them.
        record = image if examples.store == "raw" else max(image, measure_records(examples, SPLIT))
        buffer = max(1, min(total, max(BUFFER_BYTES // record, BUFFER_IMAGES), budget // record))
    steps = min(_CHUNK_STEPS, math.ceil(total / batch_size), _CHUNK_BYTES // (batch_size * image))
    return Feed(
        cache=cache,
        shuffle=buffer if shuffle else 0,
        batch_size=batch_size,
        chunk_steps=max(1, steps),
    )


def choose_cache(
    examples: Examples, split: str, scratch: Path | None, memory: int | None = None
) -> Cache:
    """Choose where the images of a split fit, by their size after the geometry.

    `scratch` and `memory` are as in `plan_feed`.
    """
    size = examples.num_examples(split) * examples.spec.image_bytes
    if size <= int((memory or memory_bytes()) * MEMORY_SHARE):
        return "memory"
    if scratch and size <= shutil.disk_usage(scratch).free * DISK_SHARE:
        return "disk"
    return "stream"


def read_training_chunks(
    examples: Examples,
    feed: Feed,
    *,
    epochs: int,
    seed: int,
    first_step: int = 0,
    scratch: Path | None = None,
) -> tf.data.Dataset:
    """Read the chunks of all epochs, one epoch after the other.

    Iterate it inside `parse.translate_record_errors`.

    Args:
        examples: the dataset.
        feed: how to read it, from `plan_feed`.
        epochs: number of epochs.
        seed: determines the order, together with the epoch.
        first_step: the optimizer step, counted over all epochs, to begin with; the first chunk is
            the one that contains it.
        scratch: folder for the copy of the cache `disk`; it is emptied first.

    Returns:
        Elements of images (n, height, width, channels) uint8 and labels (n,) int64, n =
        `batch_size * chunk_steps`, or fewer at the end of an epoch.
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
    # There is nothing to tune, and the tuner's thread would delay the end by seconds.
    options.autotune.enabled = False
    return chunks.prefetch(2).with_options(options)


def _from_memory(
    examples: Examples, feed: Feed, epochs: tf.data.Dataset, seed: int, skip: int
) -> tf.data.Dataset:
    images, labels = _load_split(examples)
    total, size = examples.num_examples(SPLIT), feed.batch_size * feed.chunk_steps

    @skip_autograph
    def make_chunk_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(total)
        if feed.shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=[seed, epoch])
        count = math.ceil(total / size)
        return tf.data.Dataset.range(count).map(
            skip_autograph(lambda i: order[i * size : (i + 1) * size])
        )

    @skip_autograph
    def gather(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(images, indices), tf.gather(labels, indices)

    return epochs.flat_map(make_chunk_indices).skip(skip).map(gather)


def _load_split(examples: Examples) -> tuple[tf.Tensor, tf.Tensor]:
    total, start = examples.num_examples(SPLIT), 0
    images = np.empty((total, *examples.spec.shape), np.uint8)
    labels = np.empty(total, np.int64)
    for batch in read_batches(examples, SPLIT, batch_size=_BATCH).as_numpy_iterator():
        stop = start + len(batch[1])
        images[start:stop], labels[start:stop] = batch
        start = stop
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
    def make_chunk_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        @skip_autograph
        def make_indices(chunk: tf.Tensor) -> tf.Tensor:
            indices = tf.range(chunk * size, tf.minimum((chunk + 1) * size, total))
            if not feed.shuffle:
                return indices
            # Computed for each index: a stored permutation would grow with the data.
            return tf.random.experimental.index_shuffle(indices, [seed, epoch], total - 1)

        return tf.data.Dataset.range(math.ceil(total / size)).map(make_indices)

    return epochs.flat_map(make_chunk_indices).skip(skip).map(skip_autograph(copy.read))


def _from_records(
    examples: Examples, feed: Feed, epochs: tf.data.Dataset, seed: int, skip: int
) -> tf.data.Dataset:
    shards = tf.constant(list_checked_shards(examples, SPLIT))
    size, total = feed.batch_size * feed.chunk_steps, examples.num_examples(SPLIT)

    @skip_autograph
    def read(index: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
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
            # Of this graph alone: with the global seed 0, shuffle accepts no tensor as its seed.
            tf.compat.v1.set_random_seed(1)
            records = records.shuffle(feed.shuffle, seed=seed * 1_000_003 + epoch)
        records = records.skip(tf.where(index == 0, tf.constant(skip * size, tf.int64), 0))
        if examples.store == "raw":
            return parse_batches(records, examples, size, parallel_calls=2)
        return records.concatenate(_make_padding(examples, -total % size))

    elements = epochs.enumerate().flat_map(read)
    if examples.store == "raw":
        return elements
    # The decoder is outside of the epochs: preparing its operations takes 0.1 to 0.3 s each time.
    chunks = parse_batches(elements, examples, size, parallel_calls=os.cpu_count() or 1)
    return _remove_padding(chunks, size, total, skip)


def _make_padding(examples: Examples, count: int) -> tf.data.Dataset:
    """Make records of black images, which fill the last chunk of an epoch."""
    black: dict[str, bytes | int] = {IMAGE: bytes(examples.spec.image_bytes), LABEL: 0}
    return tf.data.Dataset.from_tensors(encode_content(black)).repeat(count)


def _remove_padding(chunks: tf.data.Dataset, size: int, total: int, skip: int) -> tf.data.Dataset:
    """Cut the last chunk of each epoch to its images; the first chunk is number `skip` of one."""
    per_epoch = math.ceil(total / size)

    @skip_autograph
    def cut(index: tf.Tensor, chunk: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        is_last = (index + skip + 1) % per_epoch == 0
        count = tf.where(is_last, total - (per_epoch - 1) * size, size)
        return chunk[0][:count], chunk[1][:count]

    return chunks.enumerate().map(cut) if total % size else chunks


def memory_bytes() -> int:
    """Return the memory of this machine, or the limit of its container."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            size = min(size, int(Path(limit).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return size
