"""Read stored Examples as the record batches that TensorFlow Model Analysis takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.evaluate.measure.slices import slice_columns
from data.code.worker_code import SameCodeDoFn
from data.errors import BadDataError, PenstockError, serialize_error, summarize_error
from data.files.tfrecord_frames import check_lengths
from data.spec import LABEL, ImageSpec

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

    def __init__(self, spec: ImageSpec, slices: Sequence[str]) -> None:
        self.spec, self.slices = spec, slices
        fitting = min(_BATCH_BYTES // spec.image_bytes, _ANSWER_BYTES // (4 * spec.num_classes))
        self.images = max(1, min(BATCH_IMAGES, fitting))

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
        features = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
        for records in tf.data.TFRecordDataset(path).batch(self.images):
            labels = tf.io.parse_example(records, features)[LABEL].numpy()
            columns = {
                tfma.ARROW_INPUT_COLUMN: pa.array(records.numpy(), pa.large_binary()),
                LABEL: pa.array(labels),
                INDEX: pa.array(np.arange(index, index + len(labels))),
            }
            for name, values in slice_columns(self.slices, records, self.spec):
                columns[SLICE + name] = pa.array([v.encode() for v in values], pa.large_binary())
            each = pa.array(np.arange(len(labels) + 1))  # one value per row
            yield pa.RecordBatch.from_arrays(
                [pa.LargeListArray.from_arrays(each, values) for values in columns.values()],
                list(columns),
            )
            index += len(labels)
