"""Real digits and photographs, transform graphs, and bundles of small models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from data.spec import ImageSpec

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Digits(NamedTuple):
    images: np.ndarray  # (1797, 8, 8, 1) uint8
    labels: np.ndarray  # (1797,) int64


class Served(NamedTuple):
    path: Path
    digest: str
    model: Any  # the Keras model in it
    output: str


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., tuple[Path, str]]:
    """A function that makes a small folder with a manifest; a push does not look into the files."""
    from serving_export.bundle.manifest import write_manifest

    small = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))

    def make(path: Path, content: bytes = b"graph") -> tuple[Path, str]:
        (path / "variables").mkdir(parents=True)
        (path / "saved_model.pb").write_bytes(content)
        (path / "variables" / "variables.index").write_bytes(b"index")
        return path, write_manifest(path, small, {})

    return make


@pytest.fixture(scope="session")
def spec() -> ImageSpec:
    return ImageSpec(height=8, width=8, channels=1, class_names=NAMES)


@pytest.fixture(scope="session")
def digits() -> Digits:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    return Digits(images, bunch.target.astype(np.int64))


@pytest.fixture(scope="session")
def make_transform(tmp_path_factory: pytest.TempPathFactory, digits: Digits) -> Callable[..., Path]:
    """A function that analyzes the first 100 digits, writes the transform graph, gives its path."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    def make(preprocessing_fn: Callable[..., Any], images: np.ndarray = digits.images) -> Path:
        folder = tmp_path_factory.mktemp("transform")
        features = {
            "image": tf.io.FixedLenFeature(images.shape[1:], tf.float32),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }
        rows = [
            {"image": image.astype(np.float32), "label": int(label)}
            for image, label in zip(images[:100], digits.labels, strict=False)
        ]
        with beam.Pipeline("FnApiRunner") as pipeline, tft_beam.Context(str(folder / "temporary")):
            data = (pipeline | beam.Create(rows), DatasetMetadata.from_feature_spec(features))
            analyzed = data | tft_beam.AnalyzeDataset(preprocessing_fn)
            _ = analyzed | tft_beam.WriteTransformFn(str(folder / "graph"))
        return folder / "graph"

    return make


@pytest.fixture(scope="session")
def divide(make_transform: Callable[..., Path]) -> Path:
    """A graph without a pass over the data."""
    return make_transform(lambda f: {"image": f["image"] / 255.0, "label": f["label"]})


@pytest.fixture(scope="session")
def center(make_transform: Callable[..., Path]) -> Path:
    """A graph with a full pass over the data: the mean of all pixels is taken away."""
    import tensorflow_transform as tft

    return make_transform(
        lambda f: {"image": (f["image"] - tft.mean(f["image"])) / 255.0, "label": f["label"]}
    )


@pytest.fixture(scope="session")
def make_model() -> Callable[[ImageSpec], Any]:
    """A function that makes a small untrained Keras model, which gives logits."""

    def make(spec: ImageSpec) -> Any:
        import keras

        layers = [keras.layers.Input(spec.shape), keras.layers.Flatten()]
        return keras.Sequential([*layers, keras.layers.Dense(spec.num_classes)])

    return make


@pytest.fixture(scope="session")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, spec: ImageSpec, center: Path, digits: Digits
) -> Served:
    """A bundle of a model with layers that behave differently in training, trained a little."""
    import keras

    from serving_export.bundle.saved_model import write_bundle

    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(spec.shape),
            layers.Conv2D(8, 3),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(digits.images / np.float32(255), digits.labels, verbose=0)
    path = tmp_path_factory.mktemp("bundles") / "bundle"
    digest = write_bundle(
        path,
        model=model,
        transform_path=center,
        spec=spec,
        model_output="logits",
        metadata={"epochs": 1},
    )
    return Served(path, digest, model, "logits")


@pytest.fixture(scope="session")
def photo_bundle(
    tmp_path_factory: pytest.TempPathFactory,
    make_transform: Callable[..., Path],
    make_model: Callable[[ImageSpec], Any],
) -> Path:
    """A bundle of an untrained model that takes photographs of any size."""
    import keras

    from data.geometry import ALL_FORMATS, Geometry
    from serving_export.bundle.saved_model import write_bundle

    spec = ImageSpec(
        height=48,
        width=64,
        channels=3,
        class_names=NAMES,
        geometry=Geometry(fit="pad", background=(10, 200, 90), formats=ALL_FORMATS),
    )
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("bundles") / "photographs"
    write_bundle(
        path,
        model=make_model(spec),
        transform_path=make_transform(
            lambda f: {"image": f["image"] / 255.0, "label": f["label"]},
            np.zeros((1, *spec.shape), np.uint8),
        ),
        spec=spec,
        model_output="logits",
        metadata={},
    )
    return path


@pytest.fixture(scope="session")
def photographs(sign_digits_dir: Path) -> list[Path]:
    """Sixty photographs of sign_digits, with the three large ones that are to be turned."""
    paths = sorted((sign_digits_dir / "images").rglob("*.jpg"))
    large = [path for path in paths if path.stat().st_size > 100_000]
    assert len(large) == 3
    chosen = np.random.default_rng(18).choice(len(paths), 57, replace=False)
    return [*large, *(paths[index] for index in sorted(chosen))]
