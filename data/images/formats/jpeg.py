"""Decode JPEG files in TensorFlow operations."""

from __future__ import annotations

import math

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, measure, read_numbers
from data.images.formats.plain import decode_plain
from data.images.reasons import check_size, require

_MOST_SEGMENTS = 4096
_NO_LENGTH = [0x01, *range(0xD0, 0xD9)]  # markers without a length
_LAST = [0xD9, 0xDA]  # the end, and the begin of the pixels
_FILL = 0xFF
# Of a segment: its first byte, its marker, its length, and "Exif\0\0".
_SEGMENT = ((0, 1), (1, 1), (2, 2), (4, 4), (8, 2))
_APP1, _EXIF = 0xE1, int.from_bytes(b"Exif", "big")


def decode_jpeg(file: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a JPEG: pixels of 1 or 3 channels, and the orientation; see `decode`."""
    shape = tf.image.extract_jpeg_shape(file)  # height, width, channels
    side = math.isqrt(most_pixels)
    # Replacing finds letters eight times faster than matching the whole file.
    without = tf.strings.regex_replace(file, r"Exif\x00\x00", "", replace_global=False)
    plain = tf.reduce_all(shape <= (side, side, 3))
    pixels, orientation = tf.cond(
        plain & tf.equal(tf.strings.length(without), tf.strings.length(file)),
        lambda: (decode_plain(file), tf.constant(1)),
        lambda: _decode_any(file, shape, most_pixels),
    )
    return pixels, orientation


@apart
def _decode_any(file: tf.Tensor, shape: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    height, width, channels = tf.unstack(tf.cast(shape, tf.int64), num=3)
    checks = {
        **check_size(height, width, most_pixels),
        # decode_jpeg would convert CMYK silently, and without a colour profile wrongly.
        "it is a CMYK or YCCK JPEG: convert it to RGB": channels < 4,
    }
    file = require(file, checks, (height, width))
    return decode_plain(file), read_orientation(file, *_find_exif(file))


def _find_exif(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where the first EXIF segment's content begins, 0 if there is none, and its length.

    Bytes that are no segment end the search, and so do the pixels.
    """
    size = measure(file)

    def is_ahead(at: tf.Tensor, begin: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        return (begin == 0) & (at < size)

    def read_segment(at: tf.Tensor, begin: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, ...]:
        first, marker, length, name, rest = read_numbers(file, at, _SEGMENT, "big")
        exif = (first == 0xFF) & (marker == _APP1) & (name == _EXIF) & (rest == 0)
        step = tf.where(tf.reduce_any(marker == _NO_LENGTH), tf.constant(2, tf.int64), length + 2)
        step = tf.where(marker == _FILL, tf.constant(1, tf.int64), step)
        ended = (first != 0xFF) | tf.reduce_any(marker == _LAST)
        return tf.where(ended, size, at + step), tf.where(exif, at + 4, 0), length - 2

    start = (tf.constant(2, tf.int64), tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    _, begin, length = tf.while_loop(
        is_ahead, read_segment, start, maximum_iterations=_MOST_SEGMENTS
    )
    return begin, length
