"""One model saved twice is one model; another weight, graph or preprocessing is another."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.spec import ImageSpec
from serving_export.bundle.manifest import read_manifest

pytestmark = pytest.mark.slow
HOME = Path(__file__).parents[3]

# Trains and writes a bundle, after so many other models that names in the process have moved on.
TRAIN = """
import sys
from pathlib import Path
import keras, numpy as np
from data.spec import ImageSpec
from serving_export.bundle.saved_model import write_bundle

path, transform, before = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for _ in range(before):
    keras.layers.Dense(3).build((None, 4))
keras.utils.set_random_seed(7)
layers = keras.layers
model = keras.Sequential([
    layers.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
    layers.Flatten(), layers.Dropout(0.3), layers.Dense(10),
])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
random = np.random.default_rng(0)
model.fit(random.random((256, 8, 8, 1), np.float32), random.integers(0, 10, 256), verbose=0)
spec = ImageSpec(height=8, width=8, channels=1, class_names=tuple("abcdefghij"))
given = {"transform_path": transform, "spec": spec, "model_output": "logits", "metadata": {}}
write_bundle(path, model=model, **given)
"""


def test_the_same_training_in_two_processes(center: Path, tmp_path: Path) -> None:
    for name, before in (("one", 0), ("two", 3)):
        command = [sys.executable, "-c", TRAIN, str(tmp_path / name), str(center), str(before)]
        subprocess.run(command, cwd=HOME, check=True, capture_output=True)
    one, two = (read_manifest(tmp_path / name) for name in ("one", "two"))
    assert one.model_digest == two.model_digest
    assert one.files != two.files, "TensorFlow saves one model to the same bytes: compare those"


@pytest.fixture(scope="module")
def write(
    tmp_path_factory: pytest.TempPathFactory, divide: Path, spec: ImageSpec
) -> Callable[..., str]:
    """A function that writes a bundle; returns what names the model in it."""
    from serving_export.bundle.saved_model import write_bundle

    def written(model: Any, **change: Any) -> str:
        path = tmp_path_factory.mktemp("bundle") / "bundle"
        given = {"transform_path": divide, "spec": spec, "model_output": "logits", "metadata": {}}
        write_bundle(path, model=model, **{**given, **change})
        return read_manifest(path).model_digest

    return written


def layered(
    activation: str = "relu",
    units: int = 5,
    *,
    dropout: float | None = None,
    names: tuple[str | None, str | None] = (None, None),
) -> Any:
    """A model whose weights are 0.01, 0.02, … whatever the activation."""
    import keras

    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(units, activation=activation, name=names[0])]
    layers += [keras.layers.Dropout(dropout)] if dropout else []
    model = keras.Sequential([*layers, keras.layers.Dense(10, name=names[1])])
    for weight in model.weights:
        weight.assign(np.arange(weight.numpy().size).reshape(weight.shape) / 100)
    return model


def test_in_one_process_names_do_not_matter(write: Callable[..., str]) -> None:
    model = layered()
    assert write(model) == write(model) == write(model, metadata={"seed": 3})
    # After dense_9 comes dense_10, before it in the alphabet, and operations wait for others
    # by lists in the order of names.
    assert write(layered(names=("a", "b"))) == write(layered(names=("b", "a"))) == write(model)


def test_dropout_is_no_part_of_what_is_served(write: Callable[..., str]) -> None:
    assert write(layered()) == write(layered(dropout=0.5))


def test_what_makes_another_model(write: Callable[..., str], center: Path, spec: ImageSpec) -> None:
    nudged, swapped = layered(), layered()
    nudged.weights[0].assign(np.nextafter(nudged.weights[0].numpy(), 1))
    kernel = swapped.weights[2].numpy()
    swapped.weights[2].assign(kernel[::-1])  # the same numbers in another order
    named = dataclasses.replace(spec, class_names=spec.class_names[::-1])
    models = {
        "as it is": write(layered()),
        "a bit of a weight": write(nudged),
        "the order of weights": write(swapped),
        "an activation": write(layered("gelu")),
        "a width": write(layered(units=6)),
        "probabilities": write(layered(), model_output="probabilities"),
        "other class names": write(layered(), spec=named),
        "a constant of the preprocessing": write(layered(), transform_path=center),
    }
    assert len(set(models.values())) == len(models)


def test_what_a_full_pass_found_is_part_of_the_model(
    write: Callable[..., str], make_transform: Callable[..., Path], digits: Any
) -> None:
    import tensorflow_transform as tft

    def centered(features: dict[str, Any]) -> dict[str, Any]:
        image = features["image"] - tft.mean(features["image"])
        return {"image": image / 255.0, "label": features["label"]}

    one, again = make_transform(centered), make_transform(centered)
    other = make_transform(centered, images=digits.images[::-1])
    assert write(layered(), transform_path=one) == write(layered(), transform_path=again)
    assert write(layered(), transform_path=one) != write(layered(), transform_path=other)
