"""Decode the first frame of GIF files in TensorFlow operations.

TensorFlow's decoder would decode all frames, and ignore the screen and the transparency. So it gets
a file of the first frame alone, whose palette is its own indices; the colours are looked up here.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from data.images.formats.file_bytes import apart, measure, read_bytes, read_numbers
from data.images.formats.place import place_frame
from data.images.reasons import check_size, require

_HEAD = 13  # bytes before the screen's palette
_SCREEN = ((6, 2), (8, 2), (10, 1))  # width, height, flags
# Of a frame: left, top, width, height, flags; of any block: its kind, of an extension its label,
# and of the one about the frame its flags and its transparent colour.
_DESCRIPTION = ((1, 2), (3, 2), (5, 2), (7, 2), (9, 1))
_BLOCK = ((0, 1), (1, 1), (3, 1), (6, 1))
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9
_MOST_BLOCKS = 4096
_MOST_PIECES = 20_000  # and windows of pieces
_WINDOW = 64  # most pieces of full length that are skipped at once
_FULL = 255
_INDICES = b"".join(bytes([index] * 3) for index in range(256))


@apart
def decode_gif(file: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a GIF: pixels of 3 or 4 channels, and the orientation, 1; see `decode`."""
    screen_width, screen_height, flags = read_numbers(file, 0, _SCREEN, "little")
    screen, size = (screen_height, screen_width), measure(file)
    global_colours = _count_colours(flags)
    skipped = _skip_extensions(file, tf.minimum(_HEAD + global_colours * 3, size))
    frame = skipped.frame
    left, top, width, height, flags = read_numbers(file, frame, _DESCRIPTION, "little")
    inside = (left + width <= screen_width) & (top + height <= screen_height)
    local_colours = _count_colours(flags)
    local = local_colours > 0
    count = tf.where(local, local_colours, global_colours)
    pixels_at = tf.minimum(frame + 10 + local_colours * 3, size)
    end = _skip_pieces(file, pixels_at + 1)
    checks = {
        **check_size(*screen, most_pixels),
        "it has no frame, or is truncated before": frame > 0,
        "its first frame exceeds the screen": inside & (width > 0) & (height > 0),
        "it has no palette": count > 0,
        "it is truncated, or in too many pieces": end > 0,
    }
    file = require(file, checks, screen)

    sizes = tf.strings.substr(file, frame + 5, 4)
    interlaced = tf.gather([b"\0", b"\x40"], flags // 0x40 % 2)
    pieces = tf.strings.substr(file, pixels_at, end - pixels_at)
    header = [b"GIF89a", sizes, b"\xf7\0\0" + _INDICES, b"\x2c\0\0\0\0", sizes, interlaced]
    indices = tf.io.decode_gif(tf.strings.join([*header, pieces, b";"]))[0, :, :, 0]
    palette_at = tf.where(local, tf.minimum(frame + 10, size), _HEAD)
    palette = _read_palette(file, palette_at, count, skipped.transparent)
    pixels = tf.gather(palette, tf.cast(indices, tf.int32))
    return place_frame(pixels, (top, left), screen), tf.constant(1)


def _count_colours(flags: tf.Tensor) -> tf.Tensor:
    """Return how many colours a palette has, 0 if there is none, by its flags."""
    counts = tf.constant([2, 4, 8, 16, 32, 64, 128, 256], tf.int64)
    return tf.where(flags >= 0x80, tf.gather(counts, flags % 8), 0)


def _read_palette(
    file: tf.Tensor, at: tf.Tensor, count: tf.Tensor, transparent: tf.Tensor
) -> tf.Tensor:
    """Return the colours (256, 3) uint8, or (256, 4) where one is transparent."""
    colours = tf.reshape(read_bytes(file, at, 768), [256, 3])
    numbers = tf.range(256, dtype=tf.int64)[:, None]
    alpha = tf.where(numbers == transparent, tf.constant(0, tf.int64), 255)
    rows = tf.concat([tf.where(numbers < count, colours, 0), alpha], axis=1)
    return tf.cast(rows[:, : tf.where(transparent >= 0, 4, 3)], tf.uint8)


class _Skipped(NamedTuple):
    at: tf.Tensor
    frame: tf.Tensor  # where the first frame begins; 0: not yet seen
    transparent: tf.Tensor  # index of the transparent colour; -1: there is none
    valid: tf.Tensor


def _skip_extensions(file: tf.Tensor, at: tf.Tensor) -> _Skipped:
    """Skip the blocks before the first frame."""
    size = measure(file)

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        skipped = _Skipped(*state)
        return skipped.valid & (skipped.frame == 0)

    def read_block(*state: tf.Tensor) -> _Skipped:
        skipped = _Skipped(*state)
        kind, label, flags, index = read_numbers(file, skipped.at, _BLOCK, "little")
        extension, frame = kind == _EXTENSION, kind == _FRAME
        after = _skip_pieces(file, tf.minimum(skipped.at + 2, size))
        index = tf.where(flags % 2 == 1, index, -1)
        return _Skipped(
            tf.where(extension, after, skipped.at),
            tf.where(frame, skipped.at, 0),
            tf.where(extension & (label == _CONTROL), index, skipped.transparent),
            frame | (extension & (after > 0)),
        )

    start = _Skipped(at, tf.constant(0, tf.int64), tf.constant(-1, tf.int64), tf.constant(True))
    return _Skipped(*tf.while_loop(is_ahead, read_block, start, maximum_iterations=_MOST_BLOCKS))


@apart
def _skip_pieces(file: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Return the offset behind a list of pieces, each after its length, and a zero.

    0: the file ends before. A run of pieces of full length is skipped at once.
    """
    size = measure(file)

    def is_ahead(at: tf.Tensor, ended: tf.Tensor) -> tf.Tensor:
        return ~ended & (at < size)

    def skip(at: tf.Tensor, ended: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        window = _WINDOW * (_FULL + 1)
        ahead = tf.io.decode_raw(tf.strings.substr(file, at, window), tf.uint8, fixed_length=window)
        lengths = tf.concat([tf.reshape(ahead, [_WINDOW, -1])[:, 0], [0]], axis=0)
        run = tf.argmax(lengths != _FULL)  # how many are of full length
        at += run * (_FULL + 1)
        full_window = run == _WINDOW
        length = tf.cast(lengths[run], tf.int64)
        return tf.where(full_window, at, at + 1 + length), ~full_window & (length == 0)

    start = (at, tf.constant(False))
    at, ended = tf.while_loop(is_ahead, skip, start, maximum_iterations=_MOST_PIECES)
    return tf.where(ended & (at <= size), at, 0)
