"""Place the first frame of an animation on its screen."""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.file_bytes import apart


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
    whole = (size[0] == screen[0]) & (size[1] == screen[1])
    return tf.cond(whole, lambda: pixels, lambda: _pad_transparent(pixels, *offset, *screen))


@apart
def _pad_transparent(
    pixels: tf.Tensor, top: tf.Tensor, left: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    size = tf.shape(pixels, tf.int64)
    opaque = tf.fill(tf.stack([size[0], size[1], 4 - size[2]]), tf.constant(255, tf.uint8))
    full = tf.concat([pixels, opaque], axis=-1)
    return tf.pad(full, [[top, height - size[0] - top], [left, width - size[1] - left], [0, 0]])
