"""Parse the records of Examples to tensors, and explain TensorFlow's errors about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import tensorflow as tf

from data.examples.artifact import Examples
from data.examples.tfrecord import damaged_examples_error
from data.files.tfrecord_frames import check_lengths
from data.images.fit import read_image
from data.images.reasons import explain_error
from data.spec import FORMAT, IMAGE, LABEL, ImageSpec

F = TypeVar("F", bound=Callable[..., Any])

_KINDS = {
    IMAGE: tf.io.FixedLenFeature([], tf.string),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
}


def skip_autograph(function: F) -> F:
    """Exclude a function without Python branches from AutoGraph, which would take 0.1 s."""
    excluded: F = tf.autograph.experimental.do_not_convert(function)
    return excluded


def parse_batches(
    records: tf.data.Dataset,
    examples: Examples,
    batch_size: int,
    *,
    parallel_calls: int = tf.data.AUTOTUNE,
    transform: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Parse records to batches of (images, labels), in their order.

    Args:
        records: serialized tf.Examples, () string each.
        examples: the dataset that they are from; files of encoded ones are decoded and fitted.
        batch_size: images per batch; the last batch may be smaller.
        parallel_calls: batches (raw) or files (encoded) that are parsed at a time.
        transform: applied to the images of a batch.
    """

    @skip_autograph
    def finish(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return images if transform is None else transform(images), labels

    spec = examples.spec
    if examples.store == "raw":
        parse = skip_autograph(lambda batch: finish(*parse_raw_examples(batch, spec)))
        return records.batch(batch_size).map(parse, num_parallel_calls=parallel_calls)
    # One at a time, so that only a few of the files, which may be large, are in memory.
    parse = skip_autograph(lambda record: parse_encoded_example(record, spec))
    return records.map(parse, num_parallel_calls=parallel_calls).batch(batch_size).map(finish)


def parse_encoded_example(serialized: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Parse a tf.Example with an image file: image (height, width, channels) uint8, label () int64.

    A record without the feature `format` has pixels, as one of another span may have.

    Raises:
        tf.errors.InvalidArgumentError: as `parse_raw_examples`; a file that cannot be decoded, or
            that the geometry refuses.
    """
    kinds = {**_KINDS, FORMAT: tf.io.FixedLenFeature([], tf.string, default_value="")}
    features = tf.io.parse_single_example(serialized, kinds)
    content, labels = features[IMAGE], _check_labels(features[LABEL], spec)
    image = tf.cond(
        features[FORMAT] == "",
        skip_autograph(lambda: tf.reshape(tf.io.decode_raw(content, tf.uint8), spec.shape)),
        skip_autograph(lambda: read_image(content, spec)),
    )
    return tf.ensure_shape(image, spec.shape), labels


def parse_raw_examples(serialized: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Parse (n,) tf.Examples to images (n, height, width, channels) uint8, labels (n,) int64.

    Raises:
        tf.errors.InvalidArgumentError: a record without these features, of another size, or with
            a label without a class.
    """
    features = tf.io.parse_example(serialized, _KINDS)
    pixels = tf.io.decode_raw(features[IMAGE], tf.uint8)
    labels = _check_labels(features[LABEL], spec)
    return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape]), labels


def _check_labels(labels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    outside = tf.reduce_any((labels < 0) | (labels >= spec.num_classes))
    check = tf.debugging.Assert(~outside, [f"a label outside 0 to {spec.num_classes - 1}:", labels])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(labels)


def parse_labels(serialized: tf.Tensor) -> tf.Tensor:
    """Parse only the labels of (n,) serialized tf.Examples: (n,) int64."""
    features = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
    return tf.io.parse_example(serialized, features)[LABEL]


def make_record_dataset(examples: Examples, split: str) -> tf.data.Dataset:
    """Return the split's records, () string each, in the order on disk.

    Iterate it inside `translate_record_errors`; a wrong number of records is an error.

    Raises:
        BadDataError: as `list_checked_shards`.
    """
    return assert_count(
        tf.data.TFRecordDataset(list_checked_shards(examples, split)), examples, split
    )


def measure_records(examples: Examples, split: str) -> int:
    """Return the mean size of a record of a split in bytes, rounded up."""
    size = sum(shard.stat().st_size for shard in examples.shards(split))
    return -(-size // max(1, examples.num_examples(split)))


def list_checked_shards(examples: Examples, split: str) -> list[str]:
    """Return the split's files, after checking the record lengths, which TensorFlow trusts.

    Raises:
        BadDataError: a record has a wrong length.
        EnvironmentTrouble: a file cannot be read.
    """
    shards = [str(shard) for shard in examples.shards(split)]
    for shard in shards:
        check_lengths(shard)
    return shards


def assert_count(records: tf.data.Dataset, examples: Examples, split: str) -> tf.data.Dataset:
    """Return the same records, with an error if their number differs from the split's."""
    return records.apply(tf.data.experimental.assert_cardinality(examples.num_examples(split)))


@contextmanager
def translate_record_errors(examples: Examples) -> Iterator[None]:
    """Raise BadDataError for TensorFlow's errors about damaged or missing shards in the block.

    Raises:
        BadDataError: a record has a wrong checksum or image size, or a label without a class, or
            the number of records is wrong.
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.FailedPreconditionError,
        tf.errors.NotFoundError,
    ) as error:
        if "IteratorGetNext" not in str(error):  # an error of the model, not of the input
            raise
        expected = (
            f"complete TFRecords of images of shape {examples.spec.shape}: {examples.summary}"
        )
        raise damaged_examples_error(examples.path, expected, _extract_message(error)) from error


def _extract_message(error: tf.errors.OpError) -> str:
    """Extract the message from an error text of TensorFlow, without node names and traceback."""
    if "[image file: " in str(error):
        return f"an image file: {explain_error(error)}"
    text = re.split(r"\n\s*\[\[|\s*\[Op:", str(error))[0]
    return re.sub(r"{{.*?}} ", "", text.splitlines()[-1])
