"""The Beam half of Evaluate: TensorFlow Model Analysis of a bundle's exported signature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2

from components.beam import run_pipeline
from components.context import Context
from components.gate import Measured, Metrics
from data.errors import BadDataError, StepError, in_one_line
from data.examples import Examples
from data.spec import LABEL, ImageSpec
from serving_export.manifest import EXAMPLES, PROBABILITIES

# For each batch the analysis lets TensorFlow write the examples into a message that nobody sees,
# which takes as long as the model; NumPy cuts short what has more than 1,000 values.
_BATCH_IMAGES = 1024
_BATCH_BYTES = 16 << 20  # of pixels: fewer images where they are large


class ReadBatches(beam.DoFn):
    """Shard path → Arrow record batches of whole tf.Examples, and of `label` to slice by.

    tfx_bsl's reader takes file patterns, which a folder's name may resemble, and decodes the
    pixels a second time.
    """

    def __init__(self, spec: ImageSpec) -> None:
        self.images = max(1, min(_BATCH_IMAGES, _BATCH_BYTES // spec.image_bytes))

    def process(self, shard: str) -> Iterator[pa.RecordBatch]:
        """One shard, in order."""
        try:
            yield from self._batches(shard)
        except tf.errors.OpError as error:
            trouble = BadDataError(
                f"{shard} cannot be read",
                expected="whole TFRecords of labelled images",
                got=in_one_line(error),
                remedy="ingest again; if it comes back, check the disk",
            )
            raise RuntimeError(trouble.marked()) from error

    def _batches(self, shard: str) -> Iterator[pa.RecordBatch]:
        wanted = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
        for records in tf.data.TFRecordDataset(shard).batch(self.images):
            labels = tf.io.parse_example(records, wanted)[LABEL].numpy()
            each = pa.array(np.arange(len(labels) + 1))  # one value per row
            columns = (pa.array(records.numpy(), pa.large_binary()), pa.array(labels))
            yield pa.RecordBatch.from_arrays(
                [pa.LargeListArray.from_arrays(each, column) for column in columns],
                [tfma.ARROW_INPUT_COLUMN, LABEL],
            )


def measure(examples: Examples, split: str, bundle: Path, context: Context) -> Measured:
    """Measure accuracy and loss of the bundle's signature `examples` on a split's raw TFRecords.

    Raises:
        StepError: the analysis saw other examples than the split holds.
    """
    total = examples.num_examples(split)
    context.progress(0, total, f"measuring on {split}")
    output = context.output_dir / "metrics"
    shards = [str(shard) for shard in examples.shards(split)]

    def build(pipeline: beam.Pipeline) -> None:
        config = _config()
        model = tfma.default_eval_shared_model(
            eval_saved_model_path=str(bundle), eval_config=config
        )
        # The default writers make five kinds of files: a third of the time, for few images.
        writer = tfma.writers.MetricsPlotsAndValidationsWriter(
            output_paths={tfma.METRICS_KEY: str(output)}, eval_config=config
        )
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "ReadBatches"
            >> beam.ParDo(ReadBatches(examples.spec)).with_output_types(pa.RecordBatch)
            | "Analyze"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=model, eval_config=config, writers=[writer]
            )
        )

    run_pipeline(build, context)
    measured = _read(output, examples, split)
    context.progress(total, total, f"measured on {split}")
    return measured


def _config() -> config_pb2.EvalConfig:
    """Overall and by label. Thresholds are not its business: its would hold for every slice."""
    return text_format.Parse(
        f"""
        model_specs {{
          model_type: "tf_generic"
          signature_name: "{EXAMPLES}"
          label_key: "{LABEL}"
          prediction_key: "{PROBABILITIES}"
        }}
        metrics_specs {{
          metrics {{ class_name: "ExampleCount" config: '"name": "examples"' }}
          metrics {{ class_name: "SparseCategoricalAccuracy" config: '"name": "accuracy"' }}
          metrics {{ class_name: "SparseCategoricalCrossentropy" config: '"name": "loss"' }}
        }}
        slicing_specs {{}}
        slicing_specs {{ feature_keys: "{LABEL}" }}
        """,
        config_pb2.EvalConfig(),
    )


def _read(output: Path, examples: Examples, split: str) -> Measured:
    """Read the analysis' files, and check that it saw every example of the split once."""
    found: dict[int | None, Metrics] = {}  # by label; None: overall
    for record in tf.data.TFRecordDataset([str(p) for p in sorted(output.parent.glob("metrics*"))]):
        of_slice = metrics_for_slice_pb2.MetricsForSlice.FromString(record.numpy())
        keys = of_slice.slice_key.single_slice_keys
        values = {m.key.name: m.value.double_value.value for m in of_slice.metric_keys_and_values}
        count = round(values["examples"])
        metrics = Metrics(count, round(values["accuracy"] * count), values["loss"])
        found[keys[0].int64_value if keys else None] = metrics
    nothing = Metrics(0, 0, None)
    names = examples.spec.class_names
    by_class = {name: found.get(label, nothing) for label, name in enumerate(names)}
    counts = tuple(metrics.examples for metrics in by_class.values())
    if counts != examples.counts[split] or found[None].examples != sum(counts):
        raise StepError(
            f"the analysis did not see the examples of {split!r} once each",
            expected=f"per class {examples.counts[split]}",
            got=f"per class {counts}",
            follows="its numbers are not to be trusted; there is no verdict",
            remedy="run evaluate again; if it stays, ingest again",
        )
    return Measured(split, found[None], by_class)
