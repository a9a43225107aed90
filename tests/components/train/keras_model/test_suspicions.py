"""What is seldom meant is said, and nothing else."""

from __future__ import annotations

import dataclasses
import re

import keras
import keras_setups
import numpy as np
import pytest

from components.train.candidate import find_data_suspicions
from components.train.keras_model.suspicions import find_suspicions
from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec

SPEC = ImageSpec(height=8, width=8, channels=1, class_names=tuple("0123456789"))
NOISE = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1)).astype(np.float32)


def said(model: keras.Model, scale: float = 1 / 255, model_output: str = "logits") -> list[str]:
    seen = NOISE * np.float32(scale)
    return list(find_suspicions(model, seen, np.asarray(model(seen)), model_output))


def linear(*add: str, **dense: str) -> keras.Model:
    return keras_setups.linear(SPEC, {"add": add, "dense": dense})


@pytest.mark.parametrize(
    ("model", "scale", "words"),
    [
        (lambda: linear(activation="sigmoid"), 1 / 255, "lie between 0 and 1"),
        (lambda: keras_setups.frozen(SPEC, {}), 1 / 255, "cannot be trained"),
        (lambda: linear("rescaling"), 1 / 255, "scaled twice: .* up to 1, .* 'rescaling"),
        (
            lambda: keras.Sequential([keras.Input(SPEC.shape), linear("rescaling")]),
            1 / 127.5,
            "scaled twice",
        ),
    ],
)
def test_what_is_seldom_meant_is_said(model, scale, words) -> None:
    (found,) = said(model(), scale)
    assert re.search(words, found)


def test_what_is_meant_is_not() -> None:
    assert said(linear()) == []
    assert said(linear(kernel_initializer="zeros")) == []
    assert said(linear(activation="softmax"), model_output="probabilities") == []
    assert said(linear("rescaling"), 1.0) == []
    to_both_sides = keras.layers.Rescaling(2.0, offset=-1.0)
    assert said(keras.Sequential([keras.Input(SPEC.shape), to_both_sides, linear()])) == []


@pytest.fixture
def examples(tmp_path) -> Examples:
    images = NOISE.astype(np.uint8)
    (tmp_path / shard_name("train", 0, 1)).write_bytes(encode(images, np.arange(8)))
    counts = {"train": (1,) * 8 + (0, 0), "test": (1,) * 9 + (0,)}
    return Examples(path=tmp_path, spec=SPEC, counts=counts)


def test_a_class_of_the_test_split_that_nobody_can_learn(examples) -> None:
    (found,) = find_data_suspicions(examples)
    assert "train split: '8'; the model cannot" in found
    counts = {**examples.counts, "test": (1,) * 8 + (0, 0)}
    assert list(find_data_suspicions(dataclasses.replace(examples, counts=counts))) == []


def test_images_that_somebody_divided_already(examples) -> None:
    images = (NOISE / 255).astype(np.uint8)
    (shard,) = examples.shards("train")
    shard.write_bytes(encode(images, np.arange(8)))
    counts = {"train": examples.counts["train"]}
    (found,) = find_data_suspicions(dataclasses.replace(examples, counts=counts))
    assert "no pixel of the first 8 train images is above 1" in found
