"""Each image is drawn for alone: counts of distinct results, and how the draws are spread."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from components.train.loop.augmentation import Augmentation
from data.spec import ImageSpec

MANY = 4000


def changed(wanted: dict, image: np.ndarray, count: int = MANY, number: int = 0) -> np.ndarray:
    """(height, width) → so many results of it, (count, height, width)."""
    height, width = image.shape
    spec = ImageSpec(height=height, width=width, channels=1, class_names=("a", "b"))
    images = tf.repeat(tf.constant(image[None, ..., None], tf.float32), count, axis=0)
    seed = tf.constant([3, number], tf.int64)
    return Augmentation(wanted, spec)(images, seed).numpy()[..., 0]


def counted(height: int, width: int) -> np.ndarray:
    return 1.0 + np.arange(height * width).reshape(height, width)


@pytest.mark.parametrize(
    ("wanted", "least", "most"),
    [
        ({"crop": 3}, 30, 49),
        ({"flip": "horizontal"}, 2, 2),
        ({"flip": "horizontal_and_vertical"}, 4, 4),
        ({"rotation": 20}, 64, 64),
        ({"shift": 0.2}, 64, 64),
        ({"zoom": 0.2}, 64, 64),
        ({"contrast": 0.3}, 64, 64),
    ],
)
def test_equal_images_of_a_batch_become_different_ones(wanted, least, most) -> None:
    found = changed(wanted, counted(8, 6), 64)
    assert least <= len(np.unique(found.reshape(64, -1), axis=0)) <= most
    again, later = changed(wanted, counted(8, 6), 64), changed(wanted, counted(8, 6), 64, number=1)
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, later)


@pytest.mark.parametrize(
    ("wanted", "variants"),
    [({"crop": 2}, 25), ({"flip": "horizontal_and_vertical"}, 4), ({"flip": "vertical"}, 2)],
)
def test_each_variant_is_as_likely(wanted, variants) -> None:
    _, counts = np.unique(changed(wanted, counted(6, 7))[:, 2:4, 2:4], axis=0, return_counts=True)
    assert len(counts) == variants
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_angles_are_uniform() -> None:
    columns = np.tile(np.arange(33.0), (33, 1))
    below = changed({"rotation": 60}, columns)[:, 16 + 8, 16]
    angles = np.degrees(np.arcsin((16 - below) / 8))
    assert scipy.stats.kstest(angles, "uniform", (-60, 120)).pvalue > 1e-4


@pytest.mark.parametrize("axis", [0, 1])
def test_shifts_are_uniform_each_way(axis) -> None:
    height, width = 40, 21
    ramp = np.broadcast_to(np.arange(height)[:, None] if axis == 0 else np.arange(width), (40, 21))
    found = changed({"shift": 0.2}, ramp.astype(float))[:, 20, 10]
    moved, most = (20, 10)[axis] - found, 0.2 * (height, width)[axis]
    assert scipy.stats.kstest(moved, "uniform", (-most, 2 * most)).pvalue > 1e-4


def test_the_draws_of_a_batch_are_independent_of_one_another() -> None:
    ramps = changed({"shift": 0.2}, np.tile(np.arange(21.0), (21, 1)))[:, 10, 10]
    falls = changed({"shift": 0.2}, np.tile(np.arange(21.0)[:, None], (1, 21)))[:, 10, 10]
    assert abs(np.corrcoef(ramps, falls)[0, 1]) < 0.08
    assert abs(np.corrcoef(ramps[1:], ramps[:-1])[0, 1]) < 0.08


def test_zooms_are_uniform_about_the_centre() -> None:
    ramp = np.tile(np.arange(33.0), (33, 1))
    found = changed({"zoom": 0.4}, ramp)
    zooms = 8 / (found[:, 16, 16 + 8] - 16)
    assert scipy.stats.kstest(zooms, "uniform", (0.6, 0.8)).pvalue > 1e-4
    np.testing.assert_allclose(found[:, 16, 16], 16, atol=1e-4)
    np.testing.assert_allclose(found[:, 8 + 16, 8 + 16], found[:, 16 - 8, 16 + 8], atol=1e-3)


def test_a_zoom_and_a_rotation_are_one_similarity() -> None:
    """Across and along an image, distances are scaled alike, and angles stay right."""
    across = changed({"rotation": 30, "zoom": 0.3}, np.tile(np.arange(33.0), (33, 1)), 200) - 16
    right, down = across[:, 16, 16 + 6] / 6, across[:, 16 + 6, 16] / 6
    scales = 1 / np.hypot(right, down)
    assert 0.7 <= scales.min() < 0.75
    assert 1.25 < scales.max() <= 1.3
    angles = np.degrees(np.arctan2(-down, right))
    assert np.abs(angles).max() <= 30
    assert abs(np.corrcoef(scales, angles)[0, 1]) < 0.3


def test_contrasts_are_uniform_about_the_mean_of_each_channel() -> None:
    image = np.random.default_rng(0).uniform(60, 160, (6, 7, 3))
    spec = ImageSpec(height=6, width=7, channels=3, class_names=("a", "b"))
    images = tf.repeat(tf.constant(image[None], tf.float32), MANY, axis=0)
    found = Augmentation({"contrast": 0.5}, spec)(images, tf.constant([3, 0], tf.int64)).numpy()
    mean = image.mean(axis=(0, 1))
    factors = ((found - mean) / (image - mean)).reshape(MANY, -1)
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones_like(factors), atol=0.01)
    assert scipy.stats.kstest(np.median(factors, axis=1), "uniform", (0.5, 1)).pvalue > 1e-4


def test_a_change_that_is_not_asked_for_draws_nothing() -> None:
    """So that the same seed gives the same images as before there was a zoom."""
    image = counted(8, 6)
    moved = changed({"rotation": 20, "shift": 0.2, "crop": 1}, image, 16)
    with_contrast = {"rotation": 20, "shift": 0.2, "crop": 1, "contrast": 1e-6}
    np.testing.assert_allclose(changed(with_contrast, image, 16), moved, atol=1e-3)
