"""The Beam half of Evaluate: one TensorFlow Model Analysis of all models in question.

Its metric is our `Tally`: those of TensorFlow, each a pass of Keras for each slice and model, need
three times as long for the same numbers. Tests hold the two against one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.analysis_files import WriteSlices, read_slices
from components.beam import run_pipeline
from components.beam.needed import keep_needed
from components.beam.visible import refuse_hidden
from components.context import Context
from components.gate.rules import slice_name
from components.gate.slicing import check_slices, slice_columns
from components.gate.tally import CANDIDATE, Tally, tally
from data.durable import remove_half_written
from data.errors import BadDataError, ConfigError, StepError, in_one_line
from data.examples import Examples, shard_lengths
from data.same_code import SameCodeDoFn
from data.spec import LABEL, ImageSpec
from serving_export.manifest import EXAMPLES, PROBABILITIES

# For each batch the analysis lets TensorFlow write the examples into a message that nobody sees,
# which takes as long as the model; NumPy cuts short what has more than 1,000 values.
_BATCH_IMAGES = 1024
_BATCH_BYTES = 16 << 20  # of pixels: fewer images where they are large
_WRITTEN = "WriteSlices"
_PLACE = "place"  # column: where the image is in the split, from 0


class ReadBatches(SameCodeDoFn):
    """Shard → Arrow record batches of whole tf.Examples, and what the analysis slices and shows by.

    tfx_bsl's reader takes file patterns, which a folder's name may resemble, and decodes the
    pixels a second time.
    """

    def __init__(self, spec: ImageSpec, slices: Sequence[str]) -> None:
        self.spec, self.slices = spec, slices
        self.images = max(1, min(_BATCH_IMAGES, _BATCH_BYTES // spec.image_bytes))

    def process(self, shard: tuple[str, int]) -> Iterator[pa.RecordBatch]:
        """One shard, in order; given with the place of its first image."""
        try:
            yield from self._batches(*shard)
        except tf.errors.OpError as error:
            trouble = BadDataError(
                f"{shard[0]} cannot be read",
                expected="whole TFRecords of labelled images",
                got=in_one_line(error),
                remedy="ingest again; if it comes back, check the disk",
            )
            raise RuntimeError(trouble.marked()) from error
        except ConfigError as error:
            raise RuntimeError(error.marked()) from error

    def _batches(self, path: str, place: int) -> Iterator[pa.RecordBatch]:
        wanted = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
        for records in tf.data.TFRecordDataset(path).batch(self.images):
            labels = tf.io.parse_example(records, wanted)[LABEL].numpy()
            columns = {
                tfma.ARROW_INPUT_COLUMN: pa.array(records.numpy(), pa.large_binary()),
                LABEL: pa.array(labels),
                _PLACE: pa.array(np.arange(place, place + len(labels))),
            }
            for name, values in slice_columns(self.slices, records, self.spec):
                columns[_SLICE + name] = pa.array([v.encode() for v in values], pa.large_binary())
            each = pa.array(np.arange(len(labels) + 1))  # one value per row
            yield pa.RecordBatch.from_arrays(
                [pa.LargeListArray.from_arrays(each, values) for values in columns.values()],
                list(columns),
            )
            place += len(labels)


_SLICE = "slice:"  # before a slice's name, which may be that of another column


class TallyMetric(metric_types.Metric):
    """`Tally` as a metric of TensorFlow Model Analysis: its bytes, under the candidate's name."""

    def __init__(self, name: str = "tally") -> None:
        super().__init__(_computations, name=name)


def _computations(
    name: str, eval_config: config_pb2.EvalConfig | None = None, **_: Any
) -> metric_types.MetricComputations:
    models = [spec.name for spec in eval_config.model_specs] if eval_config else []
    # Alone, a model has no name in the analysis.
    key = metric_types.MetricKey(name=name, model_name=CANDIDATE if len(models) > 1 else "")
    wanted = metric_types.StandardMetricInputsPreprocessor(
        include_filter={constants.FEATURES_KEY: {_PLACE: {}}}
    )
    return [
        metric_types.MetricComputation(
            [key], [wanted], _Count(key, models if len(models) > 1 else [CANDIDATE])
        )
    ]


@dataclass
class _Counted:
    """A tally, and images that still wait to be counted."""

    tally: Tally | None = None
    waiting: list[Any] = field(default_factory=list)

    def settle(self, models: Sequence[str]) -> _Counted:
        """Count what waits: together, for one image at a time takes fifty times as long."""
        if self.waiting:
            labels = np.concatenate([_of_model(one.labels, CANDIDATE) for one in self.waiting])
            places = np.concatenate([one.features[_PLACE] for one in self.waiting])
            answers = {
                model: np.stack(
                    [_probabilities(_of_model(one.predictions, model)) for one in self.waiting]
                )
                for model in models
            }
            self.add(tally(labels, places, answers))
            self.waiting = []
        return self

    def add(self, other: Tally | None) -> None:
        if other is not None:
            self.tally = other if self.tally is None else self.tally + other


def _of_model(found: Any, model: str) -> Any:
    """A model's own where there are several."""
    return found[model] if isinstance(found, Mapping) and model in found else found


def _probabilities(found: Any) -> np.ndarray:
    """A signature's only output comes without its name."""
    answer: np.ndarray = found[PROBABILITIES] if isinstance(found, Mapping) else found
    return answer


class _Count(beam.CombineFn):
    """The analysis' inputs → a Tally."""

    def __init__(self, key: metric_types.MetricKey, models: Sequence[str]) -> None:
        self.key, self.models = key, models

    def create_accumulator(self) -> _Counted:
        return _Counted()

    def add_input(self, counted: _Counted, one: Any) -> _Counted:
        counted.waiting.append(one)
        return counted.settle(self.models) if len(counted.waiting) >= _BATCH_IMAGES else counted

    def compact(self, counted: _Counted) -> _Counted:
        return counted.settle(self.models)

    def merge_accumulators(self, several: Iterable[_Counted]) -> _Counted:
        merged = _Counted()
        for counted in several:
            merged.add(counted.settle(self.models).tally)
        return merged

    def extract_output(self, counted: _Counted) -> dict[metric_types.MetricKey, bytes]:
        found = counted.settle(self.models).tally
        return {self.key: found.to_bytes()} if found else {}


def measure(
    examples: Examples,
    split: str,
    bundles: Mapping[str, Path],
    context: Context,
    *,
    slices: Sequence[str] = (),
) -> tuple[Tally, dict[str, Tally]]:
    """Ask the signature `examples` of all models about a split's raw TFRecords, in one pass.

    Args:
        examples: labelled images.
        split: of them.
        bundles: model's name → SavedModel; "candidate" must be there.
        context: where metrics are written, and how Beam runs.
        slices: see `gate.slicing.slice_columns`.

    Returns:
        The tally of the split, and those of its slices by "name=value".

    Raises:
        ConfigError: a slice's function that cannot be had, or does not give a value for each image.
        BadDataError: a record that cannot be read.
        StepError: the analysis saw other examples than the split holds.
    """
    check_slices(slices)
    number = examples.num_examples(split)
    context.progress(0, number, f"measuring {len(bundles)} models on {split}")
    config = _config(list(bundles), [slice_name(name) for name in slices])
    models = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=str(bundle),
            eval_config=config,
            **({"model_name": name} if len(bundles) > 1 else {}),
        )
        for name, bundle in bundles.items()
    ]

    def build(pipeline: beam.Pipeline) -> None:
        written = (
            pipeline
            | "Shards" >> beam.Create(_shards(examples, split))
            | "ReadBatches"
            >> beam.ParDo(ReadBatches(examples.spec, slices)).with_output_types(pa.RecordBatch)
            | "Analyze"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=models if len(models) > 1 else models[0],
                eval_config=config,
                writers=[tfma.writers.Writer(_WRITTEN, WriteSlices(context.output_dir))],
            )
        )
        # The analysis counts bytes and slices for its own telemetry, and looks for plots.
        keep_needed(pipeline, written[_WRITTEN])

    refuse_hidden(context)
    run_pipeline(build, context)
    found = _read(context.output_dir)
    _check(found.get(""), examples, split)
    context.progress(number, number, f"measured on {split}")
    return found.pop(""), found


def _shards(examples: Examples, split: str) -> list[tuple[str, int]]:
    """The split's files, each with the place of its first image."""
    shards = examples.shards(split)
    starts = np.cumsum([0, *shard_lengths(examples, split)])
    return [(str(shard), int(start)) for shard, start in zip(shards, starts, strict=False)]


def _config(models: Sequence[str], slices: Sequence[str]) -> config_pb2.EvalConfig:
    """Thresholds are not its business: its would hold for every slice."""
    specs = [
        f"""model_specs {{
          name: "{name if len(models) > 1 else ""}"
          is_baseline: {"true" if name == "baseline" else "false"}
          model_type: "tf_generic"
          signature_name: "{EXAMPLES}"
          label_key: "{LABEL}"
          prediction_key: "{PROBABILITIES}"
        }}"""
        for name in models
    ]
    metric = f'class_name: "{TallyMetric.__name__}" module: "{__name__}"'
    found = text_format.Parse(
        "\n".join([*specs, f"metrics_specs {{ metrics {{ {metric} }} }}", "slicing_specs {}"]),
        config_pb2.EvalConfig(),
    )
    for name in slices:
        found.slicing_specs.add().feature_keys.append(_SLICE + name)
    return found


def _read(folder: Path) -> dict[str, Tally]:
    """The analysis' files: slice → tally; that of all is called "". Tidies up first."""
    remove_half_written(folder)  # by workers that died while the runner went on
    found = {}
    for of_slice in read_slices(folder):
        name = ",".join(
            f"{key.column.removeprefix(_SLICE)}={key.bytes_value.decode()}"
            for key in of_slice.slice_key.single_slice_keys
        )
        for metric in of_slice.metric_keys_and_values:
            if metric.key.name == "tally":
                found[name] = Tally.from_bytes(metric.value.bytes_value)
    return found


def _check(found: Tally | None, examples: Examples, split: str) -> None:
    """Every example of the split must have been seen, once."""
    wanted = examples.counts[split]
    counts = tuple(found.models[CANDIDATE].confusion.sum(axis=1).tolist()) if found else ()
    if counts != tuple(wanted):
        raise StepError(
            f"the analysis did not see the examples of {split!r} once each",
            expected=f"per class {wanted}",
            got=f"per class {counts}",
            follows="its numbers are not to be trusted; there is no verdict",
            remedy="run evaluate again; if it stays, ingest again",
        )
