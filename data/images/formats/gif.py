"""Decode the first frame of GIF files in TensorFlow operations.

TensorFlow's decoder would decode all frames, and ignore the screen and the transparency. So it gets
a file of the first frame alone, whose palette is its own indices; the colours are looked up here.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from data.images.channels import place_frame
from data.images.formats.file_bytes import apart, cut, read_bytes, to_bytes, to_number
from data.images.reasons import check_size, require

_HEAD = 13  # bytes before the screen's palette
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9  # kinds of blocks
_MOST_BLOCKS = 4096
_MOST_PIECES = 20_000  # and windows of pieces
_WINDOW = 64  # most pieces of full length that are skipped at once
_FULL = 255
_INDICES = b"".join(bytes([index] * 3) for index in range(256))


@apart
def decode_gif(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a GIF: pixels of 3 or 4 channels, and the orientation, 1; see `decode`."""
    head = read_bytes(file, 6, 5)
    screen_width, screen_height = to_number(head[:2], "little"), to_number(head[2:4], "little")
    file = check_size(file, screen_height, screen_width, most_pixels)
    skipped = _skip_extensions(file, _HEAD + _count_colours(head[4]) * 3)
    file = require(skipped.frame > 0, "it has no frame, or is truncated before", file)
    frame = read_bytes(file, skipped.frame, 11)
    left, top, width, height = (to_number(frame[at : at + 2], "little") for at in (1, 3, 5, 7))
    file = check_size(file, height, width, most_pixels)
    inside = (left + width <= screen_width) & (top + height <= screen_height)
    file = require(inside, "its first frame exceeds the screen", file)

    global_colours, local_colours = _count_colours(head[4]), _count_colours(frame[9])
    local = local_colours > 0
    at = tf.where(local, skipped.frame + 10, tf.constant(_HEAD, tf.int64))
    count = tf.where(local, local_colours, global_colours)
    file = require(count > 0, "it has no palette", file)
    palette = _read_palette(file, at, count, skipped.transparent)

    pixels_at = skipped.frame + 10 + local_colours * 3
    end = _skip_pieces(file, pixels_at + 1)
    file = require(end > 0, "it is truncated, or in too many pieces", file)
    alone = tf.strings.join(
        [
            b"GIF89a",
            to_bytes(width, 2),
            to_bytes(height, 2),
            b"\xf7\0\0" + _INDICES,
            b"\x2c\0\0\0\0",
            to_bytes(width, 2),
            to_bytes(height, 2),
            to_bytes(tf.bitwise.bitwise_and(frame[9], 0x40), 1),  # interlaced
            cut(file, pixels_at, end - pixels_at),
            b";",
        ]
    )
    indices = tf.cast(tf.io.decode_gif(alone)[0, :, :, 0], tf.int32)
    pixels = tf.gather(palette, indices)
    pixels = place_frame(pixels, (top, left), (screen_height, screen_width))
    return pixels, tf.constant(1)


def _count_colours(flags: tf.Tensor) -> tf.Tensor:
    """Return how many colours a palette has, 0 if there is none, by its flags."""
    count = tf.bitwise.left_shift(tf.constant(2, tf.int64), tf.bitwise.bitwise_and(flags, 7))
    return tf.where(flags >= 0x80, count, 0)


def _read_palette(
    file: tf.Tensor, at: tf.Tensor, count: tf.Tensor, transparent: tf.Tensor
) -> tf.Tensor:
    """Return the colours (256, 3) uint8, or (256, 4) where one is transparent."""
    colours = tf.reshape(tf.cast(read_bytes(file, at, 768), tf.uint8), [256, 3])
    numbers = tf.range(256, dtype=tf.int64)[:, None]
    colours = tf.where(numbers < count, colours, tf.zeros_like(colours))
    alpha = tf.cast(numbers != transparent, tf.uint8) * 255
    return tf.cond(transparent >= 0, lambda: tf.concat([colours, alpha], axis=1), lambda: colours)


class _Skipped(NamedTuple):
    at: tf.Tensor
    frame: tf.Tensor  # where the first frame begins; 0: not yet seen
    transparent: tf.Tensor  # index of the transparent colour; -1: there is none
    valid: tf.Tensor


def _skip_extensions(file: tf.Tensor, at: tf.Tensor) -> _Skipped:
    """Skip the blocks before the first frame."""

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        skipped = _Skipped(*state)
        return skipped.valid & (skipped.frame == 0)

    def read_block(*state: tf.Tensor) -> _Skipped:
        skipped = _Skipped(*state)
        head = read_bytes(file, skipped.at, 8)
        extension, frame = head[0] == _EXTENSION, head[0] == _FRAME
        control = extension & (head[1] == _CONTROL)
        has_transparent = tf.bitwise.bitwise_and(head[3], 1) == 1
        index = tf.where(has_transparent, head[6], tf.constant(-1, tf.int64))
        after = tf.cond(
            extension, lambda: _skip_pieces(file, skipped.at + 2), lambda: skipped.frame
        )
        return _Skipped(
            after,
            tf.where(frame, skipped.at, 0),
            tf.where(control, index, skipped.transparent),
            frame | (extension & (after > 0)),
        )

    start = _Skipped(at, tf.constant(0, tf.int64), tf.constant(-1, tf.int64), tf.constant(True))
    return _Skipped(*tf.while_loop(is_ahead, read_block, start, maximum_iterations=_MOST_BLOCKS))


def _skip_pieces(file: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Return the offset behind a list of pieces, each after its length, and a zero.

    0: the file ends before. A run of pieces of full length is skipped at once.
    """
    size = tf.cast(tf.strings.length(file), tf.int64)

    def is_ahead(at: tf.Tensor, ended: tf.Tensor) -> tf.Tensor:
        return ~ended & (at < size)

    def skip(at: tf.Tensor, ended: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        window = cut(file, at, _WINDOW * (_FULL + 1))
        ahead = tf.io.decode_raw(window, tf.uint8, fixed_length=_WINDOW * (_FULL + 1))
        full = tf.reshape(ahead, [_WINDOW, -1])[:, 0] == _FULL
        run = tf.reduce_sum(tf.math.cumprod(tf.cast(full, tf.int64)))
        at += run * (_FULL + 1)
        length = read_bytes(file, at, 1)[0]
        return at + 1 + length, length == 0

    start = (at, tf.constant(False))
    at, ended = tf.while_loop(is_ahead, skip, start, maximum_iterations=_MOST_PIECES)
    return tf.where(ended & (at <= size), at, 0)
