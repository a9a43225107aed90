"""Analyze a split with tensorflow-transform on Beam, and write its graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.tfxio import tensor_adapter, tensor_representation_util

from components.beam.prune import keep_needed
from components.beam.run_pipeline import run_pipeline
from components.beam.shared_filesystem import refuse_unshared_paths
from components.context import Context
from data.batches.parse import parse_batches, translate_record_errors
from data.code.user_object import locate_definition
from data.code.worker_code import SameCodeDoFn
from data.errors import ConfigError, PenstockError, summarize_error
from data.examples.artifact import Examples
from data.examples.write import serialize_errors
from data.files.tfrecord_frames import check_lengths
from data.spec import IMAGE, LABEL, ImageSpec
from serving_export.bundle.transform_graph import TransformFn
from serving_export.parity.batch_independence import find_largest_difference, sample_images

PreprocessingFn = Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]
_BATCH = 1024  # images per record batch: 3 MB of float32 at 28 x 28,
_BATCH_BYTES = 16 << 20  # and fewer where they are large: bytes of uint8
_TOLERANCE = 1e-4  # of the largest value: float sums depend on the size of the batch
_SCHEMA = pa.schema([(IMAGE, pa.list_(pa.float32())), (LABEL, pa.list_(pa.int64()))])


class ReadBatches(SameCodeDoFn):
    """Read a shard as Arrow record batches of `image` float32 0-255 and `label` int64."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def process(self, shard: str) -> Iterator[pa.RecordBatch]:
        size = max(1, min(_BATCH, _BATCH_BYTES // self.examples.spec.image_bytes))
        with serialize_errors(), translate_record_errors(self.examples):
            check_lengths(shard)
            batches = parse_batches(tf.data.TFRecordDataset(shard), self.examples, size)
            for images, labels in batches.as_numpy_iterator():
                yield make_record_batch(images, labels)


def make_record_batch(images: Any, labels: Any) -> pa.RecordBatch:
    """Convert (n, height, width, channels) uint8 and (n,) int64 to a batch for the analysis."""
    pixels = pa.array(images.ravel().astype("float32"))
    columns = [
        pa.FixedSizeListArray.from_arrays(pixels, images[0].size),
        pa.FixedSizeListArray.from_arrays(pa.array(labels), 1),
    ]
    return pa.RecordBatch.from_arrays(
        [column.cast(kind) for column, kind in zip(columns, _SCHEMA.types, strict=True)],
        schema=_SCHEMA,
    )


def write_transform_graph(
    examples: Examples, preprocessing_fn: PreprocessingFn, path: Path, context: Context
) -> None:
    """Analyze the train split, and write the output folder of tensorflow-transform to `path`.

    The data is read only if the function has an analyzer, which needs a full pass over it.

    Raises:
        ConfigError: the function fails on its features, or returns no `image`.
    """
    spec = examples.spec
    shards = (
        [str(s) for s in examples.shards("train")] if _has_analyzer(preprocessing_fn, spec) else []
    )
    metadata = dataset_metadata.DatasetMetadata.from_feature_spec(
        {
            IMAGE: tf.io.FixedLenFeature(spec.shape, tf.float32),
            LABEL: tf.io.FixedLenFeature([], tf.int64),
        }
    )
    adapter_config = tensor_adapter.TensorAdapterConfig(
        _SCHEMA,
        tensor_representation_util.InferTensorRepresentationsFromMixedSchema(metadata.schema),
    )

    def build(pipeline: beam.Pipeline) -> None:
        batches = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "ReadBatches" >> beam.ParDo(ReadBatches(examples))
        )
        analyzed = (batches, adapter_config) | "Analyze" >> tft_beam.AnalyzeDataset(
            preprocessing_fn
        )
        written = analyzed | "WriteGraph" >> tft_beam.WriteTransformFn(str(path))
        # Drop what the analysis adds for its own telemetry.
        keep_needed(pipeline, written)

    with (
        tempfile.TemporaryDirectory(dir=context.output_dir, prefix=".tft-") as temporary,
        tft_beam.Context(temp_dir=temporary),
    ):
        refuse_unshared_paths(context)
        run_pipeline(build, context)


def check_neighbours(examples: Examples, path: Path) -> None:
    """Check that the values of an image do not depend on the other images of its batch.

    Args:
        examples: some images of the train split are used.
        path: the folder that `write_transform_graph` wrote.

    Raises:
        ConfigError: they do.
    """
    images, labels = sample_images(examples, "train")
    transform = TransformFn(path)

    def transform_images(indices: np.ndarray) -> np.ndarray:
        values: np.ndarray = transform(tf.cast(images[indices], tf.float32)).numpy()
        return values.astype(np.float64)

    values = np.abs(transform_images(np.arange(len(labels))))
    scale = max(1.0, np.max(values, initial=0.0, where=np.isfinite(values)))
    difference = find_largest_difference(lambda indices: transform_images(indices) / scale, labels)
    if not difference.value <= _TOLERANCE:
        raise ConfigError(
            "the preprocessing_fn returns other values for an image beside other images",
            expected="the same values in every batch: a served image comes alone",
            got=f"asked {difference.arrangement}, a difference of {difference.value:.3g} of the "
            "largest value",
            follows="nothing was trained",
            remedy="reduce only over the axes of the image, not over the batch; for values of the "
            "whole split use an analyzer, such as tft.mean",
        )


def _has_analyzer(preprocessing_fn: PreprocessingFn, spec: ImageSpec) -> bool:
    types = {
        IMAGE: tf.TensorSpec([None, *spec.shape], tf.float32),
        LABEL: tf.TensorSpec([None], tf.int64),
    }

    def check_and_call(inputs: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        outputs = preprocessing_fn(inputs)
        _check_image(outputs, preprocessing_fn)
        return outputs

    try:
        return bool(tft.get_analyze_input_columns(check_and_call, types))
    except PenstockError:
        raise
    except Exception as error:
        raise ConfigError(
            "the preprocessing_fn fails on its features",
            expected=f"a function of {{image: float32 (batch, {', '.join(map(str, spec.shape))}), "
            "label: int64 (batch,)} that returns a dict with image",
            got=summarize_error(error),
            remedy="fix the function that normalize.preprocessing_fn names",
        ) from error


def _check_image(outputs: Any, preprocessing_fn: PreprocessingFn) -> None:
    """Raise ConfigError unless `image` is float32, as model and serving graph take it."""
    is_dict = isinstance(outputs, Mapping)
    image = outputs.get(IMAGE) if is_dict else None
    dtype = getattr(image, "dtype", None)
    if dtype == tf.float32:
        return
    got = dtype.name if dtype is not None else type(image if is_dict else outputs).__name__
    raise ConfigError(
        f"the preprocessing_fn returns no {'image of float32' if is_dict else 'dict'}",
        expected=f"a dict with {IMAGE!r}, float32: the input of the model",
        got=f"{got} {locate_definition(preprocessing_fn)}".strip(),
        follows="nothing was trained",
        remedy=f"return {{{IMAGE!r}: tf.cast(…, tf.float32), …}} from normalize.preprocessing_fn",
    )
