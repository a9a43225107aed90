"""Small real examples and models, for tests of what measures and judges them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artifacts import Model
from data.examples.artifact import Examples, shard_name, write_description
from data.spec import ImageSpec

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = ImageSpec(height=8, width=8, channels=1, class_names=NAMES)


@pytest.fixture(scope="session")
def digit_arrays() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 digits: images (n, 8, 8, 1) uint8 and labels (n,) int64."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    return images, bunch.target.astype(np.int64)


@pytest.fixture(scope="session")
def write_examples(digit_arrays: tuple[np.ndarray, np.ndarray]) -> Callable[..., Examples]:
    """A function that writes the chosen digits, in order, as the test split.

    `write(path, chosen, shards=2, features=[{name: bytes | int | float}, …])`.
    """

    def write(
        path: Path,
        chosen: np.ndarray,
        shards: int = 2,
        features: Sequence[Mapping[str, bytes | int | float]] = (),
    ) -> Examples:
        import tensorflow as tf

        path.mkdir(parents=True)
        images, labels = digit_arrays[0][chosen], digit_arrays[1][chosen]
        parts = np.array_split(np.arange(len(chosen)), shards)
        for shard, part in enumerate(parts):
            name = shard_name("test", shard, shards)
            with tf.io.TFRecordWriter(str(path / name)) as writer:
                for place in part:
                    more = features[place] if features else {}
                    found = {"image": images[place].tobytes(), "label": int(labels[place]), **more}
                    writer.write(_example(found).SerializeToString())
        counts = tuple(np.bincount(labels, minlength=10).tolist())
        examples = Examples(path=path, spec=DIGITS, counts={"test": counts})
        lengths = [str(len(part)) for part in parts]
        described = {"splits": [{"name": "test", "shardLengths": lengths}]}
        (path / "dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
        write_description(examples, {})
        return examples

    return write


def _example(values: Mapping[str, bytes | int | float]) -> Any:
    import tensorflow as tf

    lists = {
        bytes: lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])),
        int: lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
        float: lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=[value])),
    }
    features = {name: lists[type(value)](value) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.fixture(scope="session")
def write_model(
    tmp_path_factory: pytest.TempPathFactory, digit_arrays: tuple[np.ndarray, np.ndarray]
) -> Callable[..., Model]:
    """A function that writes a whole candidate around a Keras model of images / 255.

    `write(keras_model, spec=DIGITS, trained_on=None)`: bundle and parity recording; the content
    hashes of images (n, 8, 8, 1) that it was trained on, if they are given.
    """
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from serving_export.bundle.saved_model import write_bundle
    from serving_export.parity.check import record_parity

    graphs: dict[tuple[int, int, int], Path] = {}

    def graph(shape: tuple[int, int, int]) -> Path:
        if shape not in graphs:
            folder = tmp_path_factory.mktemp("transform")
            raw = {"image": tf.io.FixedLenFeature(shape, tf.float32)}
            with beam.Pipeline("FnApiRunner") as p, tft_beam.Context(str(folder / "temporary")):
                data = (p | beam.Create([]), DatasetMetadata.from_feature_spec(raw))
                analyzed = data | tft_beam.AnalyzeDataset(lambda f: {"image": f["image"] / 255.0})
                _ = analyzed | tft_beam.WriteTransformFn(str(folder / "graph"))
            graphs[shape] = folder / "graph"
        return graphs[shape]

    def write(
        keras_model: Any, spec: ImageSpec = DIGITS, trained_on: np.ndarray | None = None
    ) -> Model:
        path = tmp_path_factory.mktemp("model")
        served: Any = {
            "model": keras_model,
            "transform_path": graph(spec.shape),
            "spec": spec,
            "model_output": "logits",
        }
        assets = {} if trained_on is None else _hashes(trained_on)
        digest = write_bundle(path / "bundle", metadata={}, assets=assets, **served)
        images = np.resize(digit_arrays[0][:50], (50, *spec.shape))
        record_parity(path / "parity.npz", images=images, **served)
        return Model(path=path, spec=spec, digest=digest)

    return write


def _hashes(images: np.ndarray) -> dict[str, bytes]:
    import io

    from data.base.content_hash import hash_images
    from serving_export.bundle.training_images import FILE

    file = io.BytesIO()
    np.save(file, np.unique(hash_images(images)), allow_pickle=False)
    return {FILE: file.getvalue()}


@pytest.fixture(scope="session")
def train_model(
    write_model: Callable[..., Model], digit_arrays: tuple[np.ndarray, np.ndarray]
) -> Callable[..., Model]:
    """A function that trains one dense layer: `train(seed, epochs)`; each is trained once."""
    made: dict[tuple[int, int], Model] = {}

    def train(seed: int, epochs: int) -> Model:
        import keras

        if (seed, epochs) not in made:
            keras.utils.set_random_seed(seed)
            network = dense(8, 10)
            network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            images, labels = (array[800:] for array in digit_arrays)
            network.fit(images / np.float32(255), labels, epochs=epochs, verbose=0)
            made[seed, epochs] = write_model(network, trained_on=images)
        return made[seed, epochs]

    return train


def dense(side: int, classes: int) -> Any:
    """One dense layer on (side, side, 1) images, untrained."""
    import keras

    layers = [keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


@pytest.fixture(scope="session")
def dense_layer() -> Callable[[int, int], Any]:
    """`dense`, for test modules."""
    return dense
