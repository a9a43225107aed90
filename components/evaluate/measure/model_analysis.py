"""Measure all models with one TensorFlow Model Analysis, on Beam.

Its metric is the `Tally`: see `counts_metric`.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.beam.prune import keep_needed
from components.beam.run_pipeline import run_pipeline
from components.beam.shared_filesystem import refuse_unshared_paths
from components.context import Context
from components.evaluate.measure.counts import CANDIDATE, Tally
from components.evaluate.measure.counts_metric import TallyMetric
from components.evaluate.measure.read_batches import SLICE, ReadBatches
from components.evaluate.measure.slice_files import WriteSlices, read_slices
from components.evaluate.measure.slices import check_number_of_values, check_slice_functions
from components.evaluate.rules import slice_name
from data.batches.sequential import check_images
from data.errors import PenstockError, StepError
from data.examples.artifact import Examples, shard_lengths
from data.files.durable_files import remove_half_written
from data.spec import LABEL
from serving_export.bundle.manifest import EXAMPLES, PROBABILITIES
from serving_export.bundle.open_models import get_saved_model

_WRITTEN = "WriteSlices"


def measure(
    examples: Examples,
    split: str,
    bundles: Mapping[str, Path],
    context: Context,
    *,
    slices: Sequence[str] = (),
) -> tuple[Tally, dict[str, Tally]]:
    """Run the signature `examples` of all models on the raw TFRecords of a split, in one pass.

    Args:
        examples: labelled images.
        split: the split to measure on.
        bundles: name of the model → SavedModel; "candidate" is required.
        context: where metrics are written, and how Beam runs.
        slices: see `slices.slice_columns`.

    Returns:
        The tally of the split, and the tallies of its slices by "name=value".

    Raises:
        ConfigError: the function of a slice cannot be loaded, or gives no value for an image; a
            slice has too many values.
        BadDataError: a record cannot be read, or its image file cannot be decoded.
        StepError: the analysis saw other examples than those of the split.
    """
    check_slice_functions(slices)
    number = examples.num_examples(split)
    context.progress(0, number, f"measuring {len(bundles)} models on {split}")
    config = _make_config(list(bundles), [slice_name(name) for name in slices])

    def build(pipeline: beam.Pipeline) -> None:
        written = (
            pipeline
            | "Shards" >> beam.Create(_list_shards(examples, split))
            | "ReadBatches"
            >> beam.ParDo(ReadBatches(examples, split, slices)).with_output_types(pa.RecordBatch)
            | "Analyze"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=_describe_models(bundles, config),
                eval_config=config,
                writers=[tfma.writers.Writer(_WRITTEN, WriteSlices(context.output_dir))],
            )
        )
        # Drop what the analysis adds for its own telemetry and for plots.
        keep_needed(pipeline, written[_WRITTEN])

    refuse_unshared_paths(context)
    try:
        run_pipeline(build, context)
    except PenstockError:
        raise
    except Exception:
        if examples.store == "encoded":  # the model may have failed on a file that is damaged
            check_images(examples, split)
        raise
    tallies = _read_tallies(context.output_dir)
    _check_counts(tallies.get(""), examples, split)
    context.progress(number, number, f"measured on {split}")
    return tallies.pop(""), tallies


def _list_shards(examples: Examples, split: str) -> list[tuple[str, int]]:
    """List the files of the split, each with the index of its first image."""
    shards = examples.shards(split)
    starts = np.cumsum([0, *shard_lengths(examples, split)])
    return [(str(shard), int(start)) for shard, start in zip(shards, starts, strict=False)]


def _make_config(models: Sequence[str], slices: Sequence[str]) -> config_pb2.EvalConfig:
    """Make the config of the analysis, without thresholds: they would apply to every slice."""
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
    config = text_format.Parse(
        "\n".join([*specs, f"metrics_specs {{ metrics {{ {metric} }} }}", "slicing_specs {}"]),
        config_pb2.EvalConfig(),
    )
    for name in slices:
        config.slicing_specs.add().feature_keys.append(SLICE + name)
    return config


def _describe_models(bundles: Mapping[str, Path], config: config_pb2.EvalConfig) -> Any:
    """Tell the analysis how to load each model: from its files once, for all who use it."""
    models = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=str(bundle),
            eval_config=config,
            custom_model_loader=tfma.ModelLoader(
                functools.partial(get_saved_model, bundle), tags=[tf.saved_model.SERVING]
            ),
            **({"model_name": name} if len(bundles) > 1 else {}),
        )
        for name, bundle in bundles.items()
    ]
    return models if len(models) > 1 else models[0]


def _read_tallies(folder: Path) -> dict[str, Tally]:
    """Read the tally of each slice from the files of the analysis; the whole split is ""."""
    remove_half_written(folder)  # by workers that died during the job
    tallies, values = {}, defaultdict[str, list[str]](list)
    for of_slice in read_slices(folder):
        keys = [
            (key.column.removeprefix(SLICE), key.bytes_value.decode())
            for key in of_slice.slice_key.single_slice_keys
        ]
        for column, value in keys:
            values[column].append(value)
        name = ",".join(f"{column}={value}" for column, value in keys)
        for metric in of_slice.metric_keys_and_values:
            if metric.key.name == "tally":
                tallies[name] = Tally.from_bytes(metric.value.bytes_value)
    for column, found in values.items():  # each worker sees only some of them
        check_number_of_values(column, found)
    return tallies


def _check_counts(tally: Tally | None, examples: Examples, split: str) -> None:
    """Raise unless the analysis counted every example of the split exactly once."""
    expected = examples.counts[split]
    counts = tuple(tally.models[CANDIDATE].examples.tolist()) if tally else ()
    if counts != tuple(expected):
        raise StepError(
            f"the analysis did not count every example of {split!r} exactly once",
            expected=f"images per class {expected}",
            got=f"images per class {counts}",
            follows="the metrics are wrong; there is no verdict",
            remedy="run evaluate again; if the error stays, run ingest again",
        )
