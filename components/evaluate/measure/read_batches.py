"""Examples at rest → the record batches that TensorFlow Model Analysis takes, with its slices."""

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

# For each batch the analysis lets TensorFlow write the examples into a message that nobody sees,
# which takes as long as the model; NumPy cuts short what has more than 1,000 values.
BATCH_IMAGES = 1024
_BATCH_BYTES = 16 << 20  # of pixels: fewer images where they are large
_ANSWER_BYTES = 4 << 20  # of a model's probabilities: the analysis holds on to some batches


PLACE = "place"  # column: where the image is in the split, from 0


class ReadBatches(SameCodeDoFn):
    """Shard → Arrow record batches of whole tf.Examples, and what the analysis slices and shows by.

    tfx_bsl's reader takes file patterns, which a folder's name may resemble, and decodes the
    pixels a second time.
    """

    def __init__(self, spec: ImageSpec, slices: Sequence[str]) -> None:
        self.spec, self.slices = spec, slices
        fitting = min(_BATCH_BYTES // spec.image_bytes, _ANSWER_BYTES // (4 * spec.num_classes))
        self.images = max(1, min(BATCH_IMAGES, fitting))

    def process(self, shard: tuple[str, int]) -> Iterator[pa.RecordBatch]:
        """One shard, in order; given with the place of its first image."""
        try:
            check_lengths(shard[0])
            yield from self._batches(*shard)
        except tf.errors.OpError as error:
            trouble = BadDataError(
                f"{shard[0]} cannot be read",
                expected="whole TFRecords of labelled images",
                got=summarize_error(error),
                remedy="ingest again; if it comes back, check the disk",
            )
            raise RuntimeError(serialize_error(trouble)) from error
        except PenstockError as error:
            raise RuntimeError(serialize_error(error)) from error

    def _batches(self, path: str, place: int) -> Iterator[pa.RecordBatch]:
        wanted = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
        for records in tf.data.TFRecordDataset(path).batch(self.images):
            labels = tf.io.parse_example(records, wanted)[LABEL].numpy()
            columns = {
                tfma.ARROW_INPUT_COLUMN: pa.array(records.numpy(), pa.large_binary()),
                LABEL: pa.array(labels),
                PLACE: pa.array(np.arange(place, place + len(labels))),
            }
            for name, values in slice_columns(self.slices, records, self.spec):
                columns[SLICE + name] = pa.array([v.encode() for v in values], pa.large_binary())
            each = pa.array(np.arange(len(labels) + 1))  # one value per row
            yield pa.RecordBatch.from_arrays(
                [pa.LargeListArray.from_arrays(each, values) for values in columns.values()],
                list(columns),
            )
            place += len(labels)


SLICE = "slice:"  # before a slice's name, which may be that of another column
