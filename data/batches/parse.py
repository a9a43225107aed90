"""TFRecords of tf.Examples, as Examples hold them, to tensors; and words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import tensorflow as tf

from data.errors import BadDataError
from data.examples.artifact import Examples
from data.files.tfrecord_frames import check_lengths
from data.spec import IMAGE, LABEL, ImageSpec

F = TypeVar("F", bound=Callable[..., Any])


def skip_autograph(function: F) -> F:
    """Spare AutoGraph the rewriting of a function that has no Python branches: 0.1 s for each."""
    written: F = tf.autograph.experimental.do_not_convert(function)
    return written


def parse_examples(serialized: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """(n,) serialized tf.Examples → images (n, height, width, channels) uint8, labels (n,) int64.

    Raises:
        tf.errors.InvalidArgumentError: a record without these features, of another size, or with
            a label that is no class.
    """
    features = tf.io.parse_example(
        serialized,
        {
            IMAGE: tf.io.FixedLenFeature([], tf.string),
            LABEL: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    pixels = tf.io.decode_raw(features[IMAGE], tf.uint8)
    labels = features[LABEL]
    outside = tf.reduce_any((labels < 0) | (labels >= spec.num_classes))
    known = tf.debugging.Assert(~outside, [f"a label outside 0 to {spec.num_classes - 1}:", labels])
    with tf.control_dependencies([known] if known is not None else []):
        labels = tf.identity(labels)
    return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape]), labels


def parse_labels(serialized: tf.Tensor) -> tf.Tensor:
    """(n,) serialized tf.Examples → labels (n,) int64; the images are passed over."""
    wanted = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
    return tf.io.parse_example(serialized, wanted)[LABEL]


def make_record_dataset(examples: Examples, split: str) -> tf.data.Dataset:
    """The split's records, () string each, in the order at rest.

    Iterate it inside `translate_record_errors`: too few or too many records are an error.

    Raises:
        BadDataError: as `list_checked_shards`.
    """
    return assert_count(
        tf.data.TFRecordDataset(list_checked_shards(examples, split)), examples, split
    )


def list_checked_shards(examples: Examples, split: str) -> list[str]:
    """The split's files for TensorFlow, which would believe whatever length a record claims.

    Raises:
        BadDataError: one has a record whose length is wrong.
        EnvironmentTrouble: one cannot be read.
    """
    shards = [str(shard) for shard in examples.shards(split)]
    for shard in shards:
        check_lengths(shard)
    return shards


def assert_count(records: tf.data.Dataset, examples: Examples, split: str) -> tf.data.Dataset:
    """The same records, and an error where there are not as many as the split holds."""
    return records.apply(tf.data.experimental.assert_cardinality(examples.num_examples(split)))


@contextmanager
def translate_record_errors(examples: Examples) -> Iterator[None]:
    """Turn what TensorFlow says of corrupt or missing shards, when batches are read, into words.

    Raises:
        BadDataError: a record's checksum is wrong, a record is no example of this size, its label
            is no class, or there are more or fewer records than there should be.
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
