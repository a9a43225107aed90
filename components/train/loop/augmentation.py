"""Random changes of training images, drawn for each image, as a function of seed and batch alone.

Nothing is kept from batch to batch, so a resumed training draws what it would have drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from data.errors import ConfigError, suggest_names
from data.spec import ImageSpec

_FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}  # axes
_ROWS, _COLUMNS = 1, 2

Draw = Callable[..., tf.Tensor]  # (least, most) → (n,), one for each image; each call is another


class Augmentation:
    """A config's `augmentation`, applied to batches.

    flip: "horizontal", "vertical" or "horizontal_and_vertical"; half of the images each way.
    rotation: up to so many degrees either way, more than 0, at most 180.
    shift: up to this share of height and of width either way, more than 0, at most 1.
    crop: pad each side by so many pixels of 0, then cut the image's size out anywhere.

    They are applied in this order. What a rotation or a shift uncovers is 0.
    """

    def __init__(self, wanted: Mapping[str, Any], spec: ImageSpec) -> None:
        """Read what is wanted.

        Raises:
            ConfigError: an unknown name, or a value out of range.
        """
        self._height, self._width = spec.height, spec.width
        most = {"rotation": 180, "shift": 1, "crop": min(spec.height, spec.width)}
        for name, value in wanted.items():
            if name not in {"flip", *most}:
                raise ConfigError(
                    f"no augmentation {name!r}", remedy=suggest_names(name, ["flip", *most])
                )
            expected = _refused(name, value, most.get(name, 0))
            if expected:
                raise ConfigError(
                    f"train.augmentation: {name} cannot be {value!r}", expected=expected
                )
        self._flips = _FLIPS.get(wanted.get("flip", ""), ())
        self._degrees, self._shift = wanted.get("rotation", 0), wanted.get("shift", 0)
        self._crop = wanted.get("crop", 0)

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Change a batch.

        Args:
            images: (n, height, width, channels) float32.
            seed: (2,) int64, of this batch alone.
        """
        draw = _drawer(seed, tf.shape(images)[0])
        for axis in self._flips:
            mirrored = draw(0.0, 1.0)[:, None, None, None] < 0.5
            images = tf.where(mirrored, tf.reverse(images, [axis]), images)
        if self._degrees or self._shift:
            images = self._move(images, draw)
        if self._crop:
            images = self._cut(images, draw)
        return images

    def _move(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Rotate about the middle, then shift; one interpolation for both."""
        angle = draw(-1.0, 1.0) * self._degrees * math.pi / 180
        down = draw(-1.0, 1.0) * self._shift * self._height
        right = draw(-1.0, 1.0) * self._shift * self._width
        cos, sin, none = tf.cos(angle), tf.sin(angle), tf.zeros_like(angle)
        x, y = (self._width - 1) / 2, (self._height - 1) / 2
        # From a place in the result to the one in the image that it shows.
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


def _drawer(seed: tf.Tensor, number: tf.Tensor) -> Draw:
    drawn = iter(range(1000))

    def draw(least: float, most: float) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, next(drawn))
        dtype = tf.int32 if isinstance(least, int) else tf.float32
        return tf.random.stateless_uniform([number], own, least, most, dtype)

    return draw


def _refused(name: str, value: Any, most: float) -> str | None:
    """What was expected, where the value cannot be."""
    if name == "flip":
        return None if value in _FLIPS else " or ".join(_FLIPS)
    kinds = int if name == "crop" else int | float
    if isinstance(value, kinds) and not isinstance(value, bool) and 0 < value <= most:
        return None
    return f"{'pixels' if name == 'crop' else 'a number'}, more than 0, at most {most}"
