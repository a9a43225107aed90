"""Convert decoded pixels to the channels of an image spec, by one rule for all kinds of files.

Transparent pixels are put over the background; grey is 0.299 red + 0.587 green + 0.114 blue, as
Pillow computes it; four channels keep the transparency, and a file without any is opaque.
"""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from data.images.formats.file_bytes import apart
from data.spec import ImageSpec

_GREY = (19595, 38470, 7471)  # of 65536
# For 1 to 4 channels, which of them is red, green, blue and alpha; any one where there is no alpha.
_SOURCES = [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 2, 2], [0, 1, 2, 3]]
_BLOCK = 1 << 20  # most pixels that are converted at once, which bounds the memory


def convert_channels(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Convert pixels (height, width, 1 to 4 channels) uint8 to spec.channels."""
    same = tf.shape(pixels)[-1] == spec.channels
    converted = tf.cond(same, lambda: pixels, lambda: apart(_convert_blocks)(pixels, spec))
    return tf.ensure_shape(converted, [None, None, spec.channels])


def _convert_blocks(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Convert some pixels at a time, which bounds the memory."""
    height, width, channels = tf.unstack(tf.shape(pixels), num=3)
    count = height * width
    block = tf.minimum(count, _BLOCK)
    rows = tf.pad(
        tf.reshape(pixels, [-1, channels]), [[0, tf.math.floormod(-count, block)], [0, 0]]
    )
    done = tf.map_fn(
        partial(_convert, channels=channels, spec=spec),
        tf.reshape(rows, tf.stack([-1, block, channels])),
        parallel_iterations=1,
        fn_output_signature=tf.TensorSpec([None, spec.channels], tf.uint8),
    )
    rows = tf.reshape(done, [-1, spec.channels])[:count]
    return tf.reshape(rows, tf.stack([height, width, spec.channels]))


def _convert(rows: tf.Tensor, channels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Convert pixels (n, channels): red, green, blue and alpha of each, then what is wanted."""
    full = tf.gather(rows, tf.gather(_SOURCES, channels - 1), axis=1)
    alpha = tf.where(channels % 2 == 0, full[:, 3:], tf.constant(255, tf.uint8))
    if spec.channels == 4:
        return tf.concat([full[:, :3], alpha], axis=1)
    colours, alpha = tf.cast(full[:, :3], tf.int32), tf.cast(alpha, tf.int32)
    # (alpha x colour + (255 - alpha) x background) / 255, rounded
    mixed = (alpha * colours + (255 - alpha) * spec.geometry.background + 127) // 255
    if spec.channels == 1:
        weighted = tf.reduce_sum(mixed * _GREY, axis=1, keepdims=True)
        mixed = tf.bitwise.right_shift(weighted + 32768, 16)
    return tf.cast(mixed, tf.uint8)


def convert_colour(colour: tuple[int, int, int], channels: int) -> list[int]:
    """Convert one colour, red, green and blue, as `convert_channels` converts pixels of it."""
    if channels == 1:
        return [(sum(c * weight for c, weight in zip(colour, _GREY, strict=True)) + 32768) >> 16]
    return [*colour, 255][:channels]
