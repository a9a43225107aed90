"""Convert decoded pixels to the channels of an image spec, by one rule for all kinds of files.

Transparent pixels are put over the background; grey is 0.299 red + 0.587 green + 0.114 blue, as
Pillow computes it; four channels keep the transparency, and a file without any is opaque.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import tensorflow as tf

from data.spec import ImageSpec

_GREY = (19595, 38470, 7471)  # of 65536
_BLOCK = 1 << 20  # most pixels that are converted at once, which bounds the memory


def convert_channels(pixels: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Convert pixels (height, width, 1, 3 or 4 channels) uint8 to spec.channels."""

    def from_grey() -> tf.Tensor:
        return pixels if spec.channels == 1 else from_colours(tf.tile(pixels, [1, 1, 3]))

    def from_colours(colours: tf.Tensor) -> tf.Tensor:
        if spec.channels == 4:
            return add_alpha(colours)
        return colours if spec.channels == 3 else _in_blocks(_to_grey, colours, 1)

    def from_transparent() -> tf.Tensor:
        if spec.channels == 4:
            return pixels
        opaque = tf.reduce_min(pixels[..., 3]) == 255
        background = spec.geometry.background
        flatten = partial(_in_blocks, partial(_flatten, background=background), pixels, 3)
        return from_colours(tf.cond(opaque, lambda: pixels[..., :3], flatten))

    channels = tf.shape(pixels)[-1]
    converted = tf.cond(
        channels == 1,
        from_grey,
        lambda: tf.cond(channels == 3, lambda: from_colours(pixels), from_transparent),
    )
    return tf.ensure_shape(converted, [None, None, spec.channels])


def convert_colour(colour: tuple[int, int, int], channels: int) -> list[int]:
    """Convert one colour, red, green and blue, as `convert_channels` converts pixels of it."""
    if channels == 1:
        return [(sum(c * weight for c, weight in zip(colour, _GREY, strict=True)) + 32768) >> 16]
    return [*colour, 255][:channels]


def add_alpha(colours: tf.Tensor) -> tf.Tensor:
    """Add to red, green and blue the opacity of 255."""
    return tf.concat([colours, tf.fill(tf.shape(colours[..., :1]), tf.constant(255, tf.uint8))], -1)


def place_frame(
    pixels: tf.Tensor,
    offset: tuple[tf.Tensor, tf.Tensor],
    screen: tuple[tf.Tensor, tf.Tensor],
) -> tf.Tensor:
    """Place the first frame of an animation on its screen, which is transparent elsewhere.

    Args:
        pixels: (height, width, 3 or 4) uint8.
        offset: of the frame, down and right, () int64 each.
        screen: its height and width.

    Returns:
        The pixels, or, where the screen is larger, (*screen, 4).
    """
    size = tf.shape(pixels, tf.int64)
    (top, left), (height, width) = offset, screen

    def place() -> tf.Tensor:
        opaque = size[2] == 3
        full = tf.cond(opaque, lambda: add_alpha(pixels), lambda: pixels)
        bottom, right = height - size[0] - top, width - size[1] - left
        return tf.pad(full, [[top, bottom], [left, right], [0, 0]])

    return tf.cond((size[0] == height) & (size[1] == width), lambda: pixels, place)


def _flatten(pixels: tf.Tensor, background: tuple[int, int, int]) -> tf.Tensor:
    """Put pixels (n, 4) over a colour: (alpha x pixel + (255 - alpha) x colour) / 255, rounded."""
    colours, alpha = tf.cast(pixels[:, :3], tf.int32), tf.cast(pixels[:, 3:], tf.int32)
    mixed = alpha * colours + (255 - alpha) * tf.constant(background)
    return tf.cast((mixed + 127) // 255, tf.uint8)


def _to_grey(pixels: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(pixels, tf.int32) * _GREY, axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 32768, 16), tf.uint8)


def _in_blocks(convert: Callable[[tf.Tensor], tf.Tensor], pixels: tf.Tensor, c: int) -> tf.Tensor:
    """Convert pixels (height, width, channels) a block at a time: (height, width, c)."""
    shape = tf.shape(pixels)
    rows = tf.reshape(pixels, [-1, shape[-1]])
    count = shape[0] * shape[1]

    def by_blocks() -> tf.Tensor:
        padded = tf.pad(rows, [[0, tf.math.floormod(-count, _BLOCK)], [0, 0]])
        blocks = tf.reshape(padded, [-1, _BLOCK, shape[-1]])
        kind = tf.TensorSpec([_BLOCK, c], tf.uint8)
        done = tf.map_fn(convert, blocks, parallel_iterations=1, fn_output_signature=kind)
        return tf.reshape(done, [-1, c])[:count]

    done = tf.cond(count <= _BLOCK, lambda: convert(rows), by_blocks)
    return tf.reshape(done, [shape[0], shape[1], c])
