"""The Beam half of Normalize: analyze a split with tensorflow-transform, write its graph."""

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
from data.batches.parse import parse_examples
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
_BATCH = 1024  # images per record batch: 3 MB of float32 at 28 x 28
_SAME = 1e-4  # of the largest value: sums may associate differently for other batches
_SCHEMA = pa.schema([(IMAGE, pa.list_(pa.float32())), (LABEL, pa.list_(pa.int64()))])


class ReadBatches(SameCodeDoFn):
    """Shard path -> Arrow record batches of `image` float32 0-255 and `label` int64."""

    def __init__(self, spec: ImageSpec) -> None:
        self.spec = spec

    def process(self, shard: str) -> Iterator[pa.RecordBatch]:
        with serialize_errors():
            check_lengths(shard)
        for records in tf.data.TFRecordDataset(shard).batch(_BATCH):
            images, labels = parse_examples(records, self.spec)
            yield make_record_batch(images.numpy(), labels.numpy())


def make_record_batch(images: Any, labels: Any) -> pa.RecordBatch:
    """(n, height, width, channels) uint8 and (n,) int64 as tensorflow-transform takes them."""
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
    """Analyze the train split; write tensorflow-transform's output folder to `path`.

    The data is read only where the function has an analyzer, that is, wants a full pass over it.

    Raises:
        ConfigError: the function fails on the features it gets, or returns no `image`.
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
            | "ReadBatches" >> beam.ParDo(ReadBatches(spec))
        )
        analyzed = (batches, adapter_config) | "Analyze" >> tft_beam.AnalyzeDataset(
            preprocessing_fn
        )
        written = analyzed | "WriteGraph" >> tft_beam.WriteTransformFn(str(path))
        # The analysis counts its bytes, calls and features for its own telemetry.
        keep_needed(pipeline, written)

    with (
        tempfile.TemporaryDirectory(dir=context.output_dir, prefix=".tft-") as temporary,
        tft_beam.Context(temp_dir=temporary),
    ):
        refuse_unshared_paths(context)
        run_pipeline(build, context)


def check_neighbours(examples: Examples, path: Path) -> None:
    """Check that the graph gives the same values for an image, whatever else is in its batch.

    Args:
        examples: some images of their train split are asked about.
        path: what `write_transform_graph` wrote.

    Raises:
        ConfigError: it does not.
    """
    images, labels = sample_images(examples, "train")
    transform = TransformFn(path)

    def feed(places: np.ndarray) -> np.ndarray:
        values: np.ndarray = transform(tf.cast(images[places], tf.float32)).numpy()
        return values.astype(np.float64)

    values = np.abs(feed(np.arange(len(labels))))
    scale = max(1.0, np.max(values, initial=0.0, where=np.isfinite(values)))
    seen = find_largest_difference(lambda places: feed(places) / scale, labels)
    if not seen.value <= _SAME:
        raise ConfigError(
            "the preprocessing_fn gives other values for an image beside other images",
            expected="the same, whatever else is in the batch: users ask about one image",
            got=f"asked {seen.arrangement}, a difference of {seen.value:.3g} of the largest value",
            follows="nothing was trained",
            remedy="reduce over the axes of the image alone, not over the batch; what is to be "
            "known of the whole split is an analyzer's, such as tft.mean",
        )


def _has_analyzer(preprocessing_fn: PreprocessingFn, spec: ImageSpec) -> bool:
    types = {
        IMAGE: tf.TensorSpec([None, *spec.shape], tf.float32),
        LABEL: tf.TensorSpec([None], tf.int64),
    }

    def checked(inputs: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        outputs = preprocessing_fn(inputs)
        _check_image(outputs, preprocessing_fn)
        return outputs

    try:
        return bool(tft.get_analyze_input_columns(checked, types))
    except PenstockError:
        raise
    except Exception as error:
        raise ConfigError(
            "the preprocessing_fn fails on the features it gets",
            expected=f"a function of {{image: float32 (batch, {', '.join(map(str, spec.shape))}), "
            "label: int64 (batch,)} that returns a dict with image",
            got=summarize_error(error),
            remedy="mend the function that normalize.preprocessing_fn names",
        ) from error


def _check_image(outputs: Any, preprocessing_fn: PreprocessingFn) -> None:
    """Raises ConfigError where there is none that the model and the serving graph take."""
    is_dict = isinstance(outputs, Mapping)
    image = outputs.get(IMAGE) if is_dict else None
    dtype = getattr(image, "dtype", None)
    if dtype == tf.float32:
        return
    got = dtype.name if dtype is not None else type(image if is_dict else outputs).__name__
    raise ConfigError(
        f"the preprocessing_fn returns no {'image of float32' if is_dict else 'dict'}",
        expected=f"a dict with {IMAGE!r}, float32: what the model is to see",
        got=f"{got} {locate_definition(preprocessing_fn)}".strip(),
        follows="nothing was trained",
        remedy=f"return {{{IMAGE!r}: tf.cast(…, tf.float32), …}} from normalize.preprocessing_fn",
    )
