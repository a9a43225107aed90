"""Write and read one file per slice, in the format of TensorFlow Model Analysis.

The analysis' own writer costs a shuffle and five stages of a Beam job, for a few slices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from data.code.worker_code import SameCodeDoFn
from data.examples.write import serialize_errors
from data.files.durable_files import translate_disk_errors, write_bytes
from data.files.tfrecord_frames import check_lengths, frame_record


class WriteSlice(SameCodeDoFn):
    """Write the metrics of a slice as one TFRecord; a retry writes the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def process(self, of_slice: Any) -> Iterator[str]:
        metrics = tfma.writers.convert_slice_metrics_to_proto(of_slice, add_metrics_callbacks=None)
        name = hashlib.sha256(metrics.slice_key.SerializeToString(deterministic=True)).hexdigest()
        path = self._folder / f"{tfma.METRICS_KEY}-{name}.tfrecord"
        with serialize_errors(), translate_disk_errors(f"cannot write {path}"):
            write_bytes(path, frame_record(metrics.SerializeToString(deterministic=True)))
        yield path.name


class WriteSlices(beam.PTransform):
    """Write the metrics of an evaluation to files in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, evaluation: dict[str, beam.PCollection[Any]]) -> beam.PCollection[str]:
        return evaluation[tfma.METRICS_KEY] | "WriteSlice" >> beam.ParDo(WriteSlice(self._folder))


def read_slices(folder: Path) -> Iterator[metrics_for_slice_pb2.MetricsForSlice]:
    """Read all files in `folder`; their order has no meaning."""
    paths = sorted(str(path) for path in folder.glob(f"{tfma.METRICS_KEY}-*"))
    for path in paths:
        check_lengths(path)
    for record in tf.data.TFRecordDataset(paths):
        yield metrics_for_slice_pb2.MetricsForSlice.FromString(record.numpy())
