"""Read stored Examples as the record batches that TensorFlow Model Analysis takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.evaluate.measure.slices import check_number_of_values, needs_pixels, slice_columns
from data.batches.parse import measure_records, parse_batches, parse_labels
from data.code.worker_code import SameCodeDoFn
from data.errors import BadDataError, PenstockError, serialize_error, summarize_error
from data.examples.artifact import Examples
from data.files.tfrecord_frames import check_lengths
from data.spec import LABEL

# For each batch the analysis formats the examples for a log message that is never shown, which
# takes as long as the model; NumPy abbreviates arrays of more than 1,000 values.
BATCH_IMAGES = 1024
_BATCH_BYTES = 16 << 20  # of pixels: fewer images where they are large
_ANSWER_BYTES = 4 << 20  # of a model's probabilities: the analysis keeps some batches in memory

INDEX = "index"  # column: index of the image in the split, from 0
SLICE = "slice:"  # before the name of a slice, which may be the name of another column


class ReadBatches(SameCodeDoFn):
    """Read a shard as Arrow record batches: tf.Examples, labels, indices and the slices' values.

    The reader of tfx_bsl takes file patterns, which the name of a folder may resemble, and decodes
    the pixels a second time.
    """

    def __init__(self, examples: Examples, split: str, slices: Sequence[str]) -> None:
        self.examples, self.slices = examples, slices
        image = examples.spec.image_bytes
        if examples.store == "encoded":  # a batch has the files, too
            image = max(image, measure_records(examples, split))
        fitting = min(_BATCH_BYTES // image, _ANSWER_BYTES // (4 * examples.spec.num_classes))
        self.images = max(1, min(BATCH_IMAGES, fitting))
        self._values: defaultdict[str, set[str]] = defaultdict(set)  # of the slices, so far

    def process(self, shard: tuple[str, int]) -> Iterator[pa.RecordBatch]:
        """Read one shard, given with the index of its first image, in order."""
        try:
            check_lengths(shard[0])
            yield from self._batches(*shard)
        except tf.errors.OpError as error:
            trouble = BadDataError(
                f"{shard[0]} cannot be read",
                expected="whole TFRecords of labelled images",
                got=summarize_error(error),
                remedy="run ingest again; if the error comes back, check the disk",
            )
            raise RuntimeError(serialize_error(trouble)) from error
        except PenstockError as error:
            raise RuntimeError(serialize_error(error)) from error

    def _batches(self, path: str, index: int) -> Iterator[pa.RecordBatch]:
        for records, images in self._read(path).as_numpy_iterator():
            labels = parse_labels(records).numpy()
            columns = {
                tfma.ARROW_INPUT_COLUMN: pa.array(records, pa.large_binary()),
                LABEL: pa.array(labels),
                INDEX: pa.array(np.arange(index, index + len(labels))),
            }
            for name, values in slice_columns(self.slices, records, images):
                self._values[name].update(values)
                check_number_of_values(name, self._values[name])
                columns[SLICE + name] = pa.array([v.encode() for v in values], pa.large_binary())
            each = pa.array(np.arange(len(labels) + 1))  # one value per row
            yield pa.RecordBatch.from_arrays(
                [pa.LargeListArray.from_arrays(each, values) for values in columns.values()],
                list(columns),
            )
            index += len(labels)

    def _read(self, path: str) -> tf.data.Dataset:
        """Read batches of (records, images); without images where no slice needs them."""
        records = tf.data.TFRecordDataset(path)
        batches = records.batch(self.images)
        if not needs_pixels(self.slices):
            return batches.map(lambda records: (records, ()))
        images = parse_batches(records, self.examples, self.images)
        return tf.data.Dataset.zip(batches, images.map(lambda images, _: images))
