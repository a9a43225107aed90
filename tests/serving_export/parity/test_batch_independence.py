"""Models that look at other images of the batch are seen, and honest ones are not suspected."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving_export.parity.batch_independence import arrange_batches, find_largest_difference

LABELS = np.arange(100) * 7 % 10
VALUES = np.random.default_rng(0).normal(size=(100, 3))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=120))
def test_each_arrangement_asks_about_each_image_once(labels: list[int]) -> None:
    found = dict(arrange_batches(np.array(labels)))
    assert found.keys() == {"alone", "in reverse", "in sevens", "sorted by class"}
    for batches in found.values():
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(labels)))
    assert {len(batch) for batch in found["alone"]} == {1}
    assert [len(batch) for batch in found["in sevens"]][:-1] == [7] * ((len(labels) - 1) // 7)
    (of_classes,) = found["sorted by class"]
    assert [labels[place] for place in of_classes] == sorted(labels)


def ask(way: Callable[[np.ndarray], Any]) -> tuple[float, str]:
    return find_largest_difference(lambda places: way(VALUES[places]), LABELS, "by images")


def test_answers_of_each_image_alone_do_not_differ() -> None:
    assert ask(lambda x: x**2) == (0.0, "by images")
    assert ask(lambda x: np.where(x > 0, np.nan, np.inf)) == (0.0, "by images")
    assert find_largest_difference(lambda places: 1 / places, LABELS[:0]) == (0.0, "")


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (lambda x: x - x.mean(axis=0), "alone"),
        (lambda x: x / len(x), "alone"),
        (lambda x: x + np.roll(x, 1, axis=0) * (len(x) == 100), "in reverse|sorted by class|alone"),
        (lambda x: x + (len(x) == 7), "in sevens"),
        (lambda x: x[::-1], "alone|in reverse|in sevens|sorted by class"),
        (lambda x: np.where(len(x) == 1, np.nan, x), "alone"),
    ],
)
def test_what_looks_at_other_images_is_seen_and_told(way: Any, asked: str) -> None:
    seen = ask(way)
    assert not seen[0] <= 1e-5
    assert any(words in seen[1] for words in asked.split("|"))


def test_another_number_or_shape_of_answers_is_an_infinite_difference() -> None:
    assert ask(lambda x: x[:50])[0] == np.inf
    assert ask(lambda x: x.reshape(-1, 1) if len(x) == 1 else x)[0] == np.inf


def test_the_difference_is_the_largest_of_all() -> None:
    value, asked = ask(lambda x: x + {1: 0.25, 7: 0.5}.get(len(x), 0.0))
    assert (value, asked) == (pytest.approx(0.5), "by images in sevens")


@pytest.mark.slow
def test_honest_models_differ_by_rounding_alone(digits: Any) -> None:
    """Untrained: sums associate as in trained ones, and answers spread more."""
    import keras
    import tensorflow as tf

    from serving_export.parity.batch_independence import NUMBER

    images, labels = (array[:NUMBER] for array in digits)
    layers = keras.layers
    bodies = {
        "large logits": lambda: [layers.Rescaling(255.0), layers.Flatten()],
        "dense": lambda: [layers.Flatten(), layers.Dense(64, "relu"), layers.Dropout(0.5)],
        "normalized": lambda: [layers.Flatten(), layers.Dense(32), layers.BatchNormalization()],
        "layer norm": lambda: [layers.LayerNormalization(), layers.Flatten()],
        "convolution": lambda: [layers.Conv2D(8, 3, activation="relu"), layers.Flatten()],
        "pooled": lambda: [layers.Conv2D(8, 3), layers.MaxPooling2D(), layers.Flatten()],
        "attention": lambda: [
            layers.Reshape((8, 8)),
            layers.Dense(16),
            Attention(),
            layers.GlobalAveragePooling1D(),
        ],
    }

    class Attention(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.MultiHeadAttention(2, 8)

        def call(self, x: Any) -> Any:
            return self.inner(x, x)

    worst = 0.0
    for (_, body), seed in itertools.product(bodies.items(), range(5)):  # 35
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((8, 8, 1)), *body(), layers.Dense(10, "softmax")])
        call = tf.function(model, input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32)])

        def answer(places: np.ndarray, call: Any = call) -> Any:
            return call(images[places] / np.float32(255)).numpy()

        worst = max(worst, find_largest_difference(answer, labels).value)
    assert worst <= 1e-4  # a tenth of what the gate allows
