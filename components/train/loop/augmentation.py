"""Change training images at random, as a function of seed and batch number alone.

There is no state between batches, so a resumed training draws the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from components.train.loop.augmentation_options import FLIPS, check_augmentation
from data.spec import ImageSpec

_ROWS, _COLUMNS = 1, 2

# (least, most) → (n,) random numbers, one for each image, new ones in each call
Draw = Callable[..., tf.Tensor]


class Augmentation:
    """Apply the `augmentation` of a config to batches, in this order.

    flip: "horizontal", "vertical" or "horizontal_and_vertical"; half of the images each way.
    rotation: up to this many degrees in either direction, more than 0, at most 180.
    shift: up to this share of height and width in either direction, more than 0, at most 1.
    zoom: up to this share larger or smaller, more than 0, at most 0.9.
    crop: pad each side by this many pixels of 0, then cut out the size of the image anywhere.
    contrast: multiply the distance to the mean of each channel by up to this share more or less,
        more than 0, at most 1; pixels stay within 0 to 255.

    Pixels that a rotation, a shift or a zoom uncovers are 0.
    """

    def __init__(self, options: Mapping[str, Any], spec: ImageSpec) -> None:
        """Read the options.

        Raises:
            ConfigError: an unknown option, or a value out of range.
        """
        self._height, self._width = spec.height, spec.width
        check_augmentation(options, spec)
        self._flips = FLIPS.get(options.get("flip", ""), ())
        self._degrees, self._shift = options.get("rotation", 0), options.get("shift", 0)
        self._zoom, self._crop = options.get("zoom", 0), options.get("crop", 0)
        self._contrast = options.get("contrast", 0)

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Change a batch of images.

        Args:
            images: (n, height, width, channels) float32.
            seed: (2,) int64, unique for this batch.
        """
        draw = _make_draw(seed, tf.shape(images)[0])
        for axis in self._flips:
            mirrored = draw(0.0, 1.0)[:, None, None, None] < 0.5
            images = tf.where(mirrored, tf.reverse(images, [axis]), images)
        if self._degrees or self._shift or self._zoom:
            images = self._move(images, draw)
        if self._crop:
            images = self._cut(images, draw)
        if self._contrast:
            images = self._change_contrast(images, draw)
        return images

    def _move(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Rotate and zoom about the centre, and shift, with one interpolation for all."""
        angle = draw(-1.0, 1.0) * self._degrees * math.pi / 180
        down = draw(-1.0, 1.0) * self._shift * self._height
        right = draw(-1.0, 1.0) * self._shift * self._width
        cos, sin, none = tf.cos(angle), tf.sin(angle), tf.zeros_like(angle)
        if self._zoom:
            scale = 1 + draw(-1.0, 1.0) * self._zoom
            cos, sin = cos / scale, sin / scale
        x, y = (self._width - 1) / 2, (self._height - 1) / 2
        # from a position in the result to its position in the image
        across = [cos, -sin, x - cos * (x + right) + sin * (y + down)]
        along = [sin, cos, y - sin * (x + right) - cos * (y + down)]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack([*across, *along, none, none], axis=1),
            output_shape=[self._height, self._width],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )

    def _cut(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        sides = [self._crop, self._crop]
        images = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
        for axis, size in ((_ROWS, self._height), (_COLUMNS, self._width)):
            start = draw(0, 2 * self._crop + 1)
            kept = start[:, None] + tf.range(size)
            images = tf.gather(images, kept, axis=axis, batch_dims=1)
        return images

    def _change_contrast(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        factor = 1 + draw(-1.0, 1.0)[:, None, None, None] * self._contrast
        mean = tf.reduce_mean(images, axis=[_ROWS, _COLUMNS], keepdims=True)
        return tf.clip_by_value(mean + (images - mean) * factor, 0.0, 255.0)


def _make_draw(seed: tf.Tensor, number: tf.Tensor) -> Draw:
    numbers = iter(range(1000))

    def draw(least: float, most: float) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, next(numbers))
        dtype = tf.int32 if isinstance(least, int) else tf.float32
        return tf.random.stateless_uniform([number], own, least, most, dtype)

    return draw
