"""Fit decoded pixels to the size of an image spec, in TensorFlow operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.images.channels import convert_channels, convert_colour
from data.images.decode import CPU, decode_any
from data.images.formats.file_bytes import apart
from data.images.reasons import require
from data.spec import ImageSpec

# For the orientations 1 to 8, whether rows and columns are exchanged, and then whether the rows are
# in reverse order, and the columns: 0 or 1 each.
_TURNS = (
    (0, 0, 0),
    (0, 0, 1),
    (0, 1, 1),
    (0, 1, 0),
    (1, 0, 0),
    (1, 0, 1),
    (1, 1, 1),
    (1, 1, 0),
)


def fit(pixels: tf.Tensor, orientation: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Apply the geometry of a spec: turn by the orientation, then fit to the size.

    Resized values are rounded to the nearest whole number, halves to the even one, and limited to
    0-255. Pixels of the right size stay as they are.

    Args:
        pixels: (height, width, spec.channels) uint8, as `decode` returns them.
        orientation: () int32, 1-8.
        spec: the size, and the geometry.

    Returns:
        (spec.height, spec.width, spec.channels) uint8.

    Raises:
        tf.errors.InvalidArgumentError: when it runs, `exact` and another size.
    """
    with tf.device(CPU):
        # Not ensure_shape: TensorFlow's optimizer takes its promise for a fact, also before it, and
        # removes the check of an exact size.
        return tf.reshape(_fit(pixels, orientation, spec), spec.shape)


def _fit(pixels: tf.Tensor, orientation: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    if spec.geometry.orientation == "apply":
        pixels = _turn(pixels, orientation)
    height, width = tf.unstack(tf.shape(pixels, tf.int64)[:2])
    same = (height == spec.height) & (width == spec.width)
    if spec.geometry.fit == "exact":
        reason = f"it is not {spec.width} wide and {spec.height} high, and fit is exact:"
        return require(pixels, {reason: same}, (height, width))
    return tf.cond(same, lambda: pixels, lambda: _FITS[spec.geometry.fit](pixels, spec))


# AutoGraph would look for Python's conditions in all that it calls, for seconds; there are none.
@tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
def read_image(file: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Decode and fit one file: () string → (spec.height, spec.width, spec.channels) uint8."""

    @apart
    def finish(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
        return _fit(convert_channels(pixels, spec), orientation, spec)

    with tf.device(CPU):
        pixels, orientation = decode_any(file, spec.geometry)
        ready = tf.reduce_all(tf.equal(tf.shape(pixels), spec.shape)) & (orientation == 1)
        # What `fit` does, in few operations where there is nothing to do.
        pixels = tf.cond(ready, lambda: pixels, lambda: finish(pixels, orientation))
        return tf.reshape(pixels, spec.shape)


@tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
def read_images(files: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Decode and fit a batch: (n,) string → (n, spec.height, spec.width, spec.channels) uint8.

    For tf.data and for signatures; n may be 0. One bad file fails the batch.
    """
    return tf.map_fn(
        lambda file: read_image(file, spec),
        files,
        fn_output_signature=tf.TensorSpec(spec.shape, tf.uint8),
    )


def _turn(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn or mirror pixels as a viewer shows them."""
    return tf.cond(orientation == 1, lambda: pixels, lambda: _turn_any(pixels, orientation))


@apart
def _turn_any(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    transposed, upside_down, mirrored = tf.unstack(tf.gather(_TURNS, orientation - 1), num=3)
    pixels = tf.transpose(pixels, tf.gather([[0, 1, 2], [1, 0, 2]], transposed))
    rows = tf.reverse(pixels, tf.range(upside_down))
    return tf.reverse(rows, tf.range(2 - mirrored, 2))


def _resize(pixels: tf.Tensor, height: Any, width: Any, spec: ImageSpec) -> tf.Tensor:
    size = tf.stack([tf.cast(height, tf.int32), tf.cast(width, tf.int32)])
    geometry = spec.geometry
    resized = tf.image.resize(pixels, size, geometry.interpolation, antialias=geometry.antialias)
    return tf.cast(tf.clip_by_value(tf.round(tf.cast(resized, tf.float32)), 0, 255), tf.uint8)


def _stretch(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    return _resize(pixels, spec.height, spec.width, spec)


def _pad(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Resize to the largest size within, and put the background around it, evenly.

    An odd row or column more is below or right.
    """
    height, width = tf.unstack(tf.shape(pixels, tf.int64)[:2])
    inner_height = tf.minimum(_divide(height * spec.width, width), spec.height)
    inner_width = tf.minimum(_divide(width * spec.height, height), spec.width)
    resized = _resize(pixels, inner_height, inner_width, spec)
    top, left = (spec.height - inner_height) // 2, (spec.width - inner_width) // 2
    bottom, right = spec.height - inner_height - top, spec.width - inner_width - left
    return _surround(resized, [[top, bottom], [left, right]], spec)


def _surround(pixels: tf.Tensor, margins: list[list[tf.Tensor]], spec: ImageSpec) -> tf.Tensor:
    colour = tf.constant(convert_colour(spec.geometry.background, spec.channels), tf.uint8)
    # The difference to the colour, modulo 256, is padded with zeros.
    return tf.pad(pixels - colour, [*margins, [0, 0]]) + colour


def _crop(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Cut the largest part of the spec's aspect ratio out of the centre, and resize it."""
    height, width = tf.unstack(tf.shape(pixels, tf.int64)[:2])
    inner_height = tf.minimum(_divide(width * spec.height, spec.width), height)
    inner_width = tf.minimum(_divide(height * spec.width, spec.height), width)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    part = pixels[top : top + inner_height, left : left + inner_width]
    return _resize(part, spec.height, spec.width, spec)


def _divide(dividend: tf.Tensor, divisor: tf.Tensor | int) -> tf.Tensor:
    """Divide whole numbers, rounded to the nearest, halves up; at least 1."""
    return tf.maximum((2 * dividend + divisor) // (2 * divisor), 1)


_FITS = {"stretch": _stretch, "pad": _pad, "crop": _crop}
