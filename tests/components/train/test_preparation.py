from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from components.evaluate.rules import Allowed
from components.train import Config
from components.train.preparation import Preparation, compute_class_weights
from data.errors import ConfigError
from serving_export.bundle.saved_model import load_bundle

AUGMENTATIONS = [
    {"flip": "horizontal"},
    {"flip": "vertical"},
    {"rotation": 30},
    {"shift": 0.25},
    {"crop": 2},
    {"zoom": 0.3},
    {"contrast": 1},
    {
        "flip": "horizontal_and_vertical",
        "rotation": 10,
        "shift": 0.1,
        "zoom": 0.1,
        "crop": 1,
        "contrast": 0.2,
    },
]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Each of another pattern, none symmetric."""
    return np.random.default_rng(0).integers(1, 256, (40, 8, 8, 1)).astype(np.float32)


def prepared(made, images: np.ndarray, number: int = 0, seed: int = 0, **settings) -> np.ndarray:
    preparation = Preparation(made[0], lambda x: x, Config(**settings), seed)
    labels = tf.zeros(len(images), tf.int64)
    found, _ = preparation.prepare(tf.constant(images), labels, tf.constant(number, tf.int64))
    return np.asarray(found)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_images_are_changed_as_the_seed_says_and_stay_images(made, images, augmentation) -> None:
    first, again = (prepared(made, images, augmentation=augmentation) for _ in range(2))
    other = prepared(made, images, seed=1, augmentation=augmentation)
    np.testing.assert_array_equal(first, again)
    assert first.shape == images.shape
    assert first.min() >= 0
    assert first.max() <= 255.001
    assert not np.array_equal(first, images)
    assert not np.array_equal(first, other)


def test_a_flip_mirrors_some_images_and_leaves_others(made, images) -> None:
    flipped = prepared(made, images, augmentation={"flip": "horizontal"})
    kinds = [
        (np.array_equal(new, old), np.array_equal(new, old[:, ::-1]))
        for new, old in zip(flipped, images, strict=True)
    ]
    assert set(kinds) == {(True, False), (False, True)}


def test_a_crop_is_the_image_moved_by_at_most_so_many_pixels(made, images) -> None:
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    for new, old in zip(prepared(made, images, augmentation={"crop": 2}), padded, strict=True):
        places = [(i, j) for i in range(5) for j in range(5)]
        assert any(np.array_equal(new, old[i : i + 8, j : j + 8]) for i, j in places)


def test_one_s_own_augmentation_gets_another_seed_for_each_batch(made, images, fit) -> None:
    settings = {"augmentation_fn": "own_models:noise"}
    first, again, later = (prepared(made, images, n, **settings) for n in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, later)
    assert ((first - images >= 0) & (first - images <= 40)).all()


def test_augmentation_is_in_the_training_and_not_in_what_is_served(fit, fit_once) -> None:
    settings = {"augmentation": {"rotation": 90, "shift": 0.4}, "epochs": 3}
    trained, plain = fit(**settings), fit_once(epochs=3)
    assert trained.history["loss"][-1] > plain.history["loss"][-1]
    bundle, recorded = load_bundle(trained.path / "bundle"), np.load(trained.path / "parity.npz")
    first, again = (bundle("images", recorded["images"])["probabilities"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, recorded["probabilities"], atol=Allowed().parity)


@pytest.mark.parametrize(
    ("augmentation", "words"),
    [
        ({"flp": "horizontal"}, "did you mean 'flip'"),
        ({"flip": "sideways"}, "flip cannot be 'sideways'"),
        ({"rotation": 0}, "rotation cannot be 0"),
        ({"rotation": 181}, "rotation cannot be 181"),
        ({"shift": 1.5}, "shift cannot be 1.5"),
        ({"zoom": 1}, "zoom cannot be 1"),
        ({"contrast": -0.1}, "contrast cannot be -0.1"),
        ({"crop": 9}, "crop cannot be 9"),
        ({"crop": "two"}, "crop cannot be 'two'"),
    ],
)
def test_an_augmentation_that_cannot_be(made, images, augmentation, words) -> None:
    with pytest.raises(ConfigError, match=words):
        prepared(made, images, augmentation=augmentation)


def test_class_weights(made) -> None:
    examples = made[0]
    assert compute_class_weights(examples, Config()) == [1.0] * 10
    some = Config(class_weights={"3": 4.0, "7": 0.0})
    assert compute_class_weights(examples, some) == [1, 1, 1, 4, 1, 1, 1, 0, 1, 1]
    counts = (5, 1, 0, 10, 7, 7, 7, 7, 7, 7)
    uneven = dataclasses.replace(examples, counts={"train": counts})
    labels = np.repeat(np.arange(10), counts)
    want = np.zeros(10)
    present = np.unique(labels)
    want[present] = compute_class_weight("balanced", classes=present, y=labels) * len(present) / 10
    np.testing.assert_allclose(compute_class_weights(uneven, Config(balance_classes=True)), want)
    with pytest.raises(ConfigError, match="'x', which is no class"):
        compute_class_weights(examples, Config(class_weights={"x": 1.0}))
    with pytest.raises(ConfigError, match="out of range"):
        Config(class_weights={"3": -1.0})


def test_a_sample_weight_counts_as_it_says(made, images, fit) -> None:
    config = Config(sample_weight_fn="own_models:darker_counts_less", class_weights={"5": 2.0})
    preparation = Preparation(made[0], lambda x: x, config, 0)
    labels = np.arange(40) % 10
    _, weights = preparation.prepare(
        tf.constant(images), tf.constant(labels), tf.constant(0, tf.int64)
    )
    want = images.mean(axis=(1, 2, 3)) * (labels != 3) * np.where(labels == 5, 2, 1)
    np.testing.assert_allclose(weights, want, rtol=1e-5)
    never_3 = fit(sample_weight_fn="own_models:darker_counts_less", learning_rate=1e-5, epochs=6)
    assert (never_3.probabilities.argmax(axis=1) == 3).mean() < 0.03
