"""Decode JPEG files in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, measure, read_numbers
from data.images.reasons import check_size, require

_MOST_SEGMENTS = 4096
_NO_LENGTH = [0x01, *range(0xD0, 0xD9)]  # markers without a length
_LAST = [0xD9, 0xDA]  # the end, and the begin of the pixels
_FILL = 0xFF
# Of a segment: its first byte, its marker, its length, and "Exif\0\0".
_SEGMENT = ((0, 1), (1, 1), (2, 2), (4, 4), (8, 2))
_APP1, _EXIF = 0xE1, int.from_bytes(b"Exif", "big")


@apart
def decode_jpeg(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a JPEG: pixels of 1 or 3 channels, and the orientation; see `decode`."""
    shape = tf.cast(tf.image.extract_jpeg_shape(file), tf.int64)
    height, width, channels = tf.unstack(shape, num=3)
    file = check_size(file, height, width, most_pixels)
    # decode_jpeg would convert CMYK silently, and without a colour profile wrongly.
    file = require(channels != 4, "it is a CMYK or YCCK JPEG: convert it to RGB", file)
    # The default method is faster, but differs from other libraries by a few levels.
    pixels: tf.Tensor = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE")
    has_exif = tf.strings.regex_full_match(file, r"\C*Exif\x00\x00\C*")
    zero = tf.constant(0, tf.int64)
    begin, length = tf.cond(has_exif, lambda: _find_exif(file), lambda: (zero, zero))
    return pixels, read_orientation(file, begin, length)


@apart
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
