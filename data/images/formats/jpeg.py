"""Decode JPEG files in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, read_bytes, to_number
from data.images.reasons import check_size, require

_MOST_SEGMENTS = 4096
_EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0]
_NO_LENGTH = [0x01, *range(0xD0, 0xD9)]  # markers without a length
_LAST = [0xD9, 0xDA]  # the end, and the begin of the pixels
_APP1 = 0xE1


@apart
def decode_jpeg(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a JPEG: pixels of 1 or 3 channels, and the orientation; see `decode`."""
    shape = tf.cast(tf.image.extract_jpeg_shape(file), tf.int64)
    file = check_size(file, shape[0], shape[1], most_pixels)
    # decode_jpeg would convert CMYK silently, and without a colour profile wrongly.
    file = require(shape[2] != 4, "it is a CMYK or YCCK JPEG: convert it to RGB", file)
    # The default method is faster, but differs from other libraries by a few levels.
    pixels: tf.Tensor = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE")
    return pixels, read_orientation(file, *_find_exif(file))


def _find_exif(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where the first EXIF segment's content begins, 0 if there is none, and its length."""
    head = read_bytes(file, 2, 10)
    first = (head[1] == _APP1) & tf.reduce_all(head[4:] == _EXIF)
    length = to_number(head[2:4], "big") - 2
    six = tf.constant(6, tf.int64)
    zero = tf.constant(0, tf.int64)
    return tf.cond(
        first,
        lambda: (six, length),
        lambda: tf.cond(
            tf.strings.regex_full_match(file, r"\C*Exif\x00\x00\C*"),
            lambda: _search_segments(file),
            lambda: (zero, zero),
        ),
    )


@apart
def _search_segments(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Find EXIF behind other segments. Bytes that are no segment, or the pixels, end the search."""
    size = tf.cast(tf.strings.length(file), tf.int64)

    def is_ahead(at: tf.Tensor, begin: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        return (begin == 0) & (at < size)

    def read_segment(at: tf.Tensor, begin: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, ...]:
        head = read_bytes(file, at, 10)
        marker, length = head[1], to_number(head[2:4], "big")
        exif = (marker == _APP1) & tf.reduce_all(head[4:] == _EXIF)
        step = tf.where(tf.reduce_any(marker == _NO_LENGTH), tf.constant(2, tf.int64), length + 2)
        step = tf.where(marker == 0xFF, tf.constant(1, tf.int64), step)  # a fill byte
        ended = (head[0] != 0xFF) | tf.reduce_any(marker == _LAST)
        return tf.where(ended, size, at + step), tf.where(exif & ~ended, at + 4, 0), length - 2

    start = (tf.constant(2, tf.int64), tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    _, begin, length = tf.while_loop(
        is_ahead, read_segment, start, maximum_iterations=_MOST_SEGMENTS
    )
    return begin, length
