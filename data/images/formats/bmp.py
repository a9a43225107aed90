"""Decode BMP files in TensorFlow operations: uncompressed, of 8, 24 or 32 bits.

TensorFlow's own decoder ignores palettes and takes the unused byte of 32 bits for transparency.
"""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.file_bytes import apart, cut, read_bytes, to_number
from data.images.reasons import check_size, require

_BEGIN = 14  # bytes before the header
_MASKS = [0, 0, 0xFF, 0, 0, 0xFF, 0, 0, 0xFF, 0, 0, 0]  # red, green, blue, lowest byte first
_ALPHA_MASK = [0, 0, 0, 0xFF]
_WITH_ALPHA = 56  # smallest size of a header that has a mask of alpha
_PLAIN, _FIELDS = 0, 3  # kinds of compression


@apart
def decode_bmp(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a BMP: pixels of 3 or 4 channels, and the orientation, 1; see `decode`."""
    head = read_bytes(file, 0, 70)
    begin, size, width, height = (to_number(head[at : at + 4], "little") for at in (10, 14, 18, 22))
    bits, kind = to_number(head[28:30], "little"), to_number(head[30:34], "little")
    file = require(size >= 40, "it is a BMP of an old kind, or damaged", file)
    upwards = height < 2**31
    height = tf.where(upwards, height, 2**32 - height)
    file = require(width < 2**31, "its header is damaged: it has no size", file)
    file = check_size(file, height, width, most_pixels)
    standard = (bits == 32) & (kind == _FIELDS) & tf.reduce_all(head[54:66] == _MASKS)
    plain = ((bits == 8) | (bits == 24) | (bits == 32)) & (kind == _PLAIN)
    reason = "it is a BMP of a kind that is not read: uncompressed ones of 8, 24 or 32 bits are"
    file = require(plain | standard, reason, file)
    stride = (width * bits + 31) // 32 * 4
    whole = begin + stride * height <= tf.cast(tf.strings.length(file), tf.int64)
    file = require(whole & (begin >= _BEGIN + size), "it is truncated: pixels are missing", file)

    def read(channels: int) -> tf.Tensor:
        rows = tf.io.decode_raw(cut(file, begin, stride * height), tf.uint8)
        rows = tf.reshape(rows, tf.stack([height, stride]))[:, : width * channels]
        pixels = tf.reshape(rows, tf.stack([height, width, channels]))
        return tf.cond(upwards, lambda: tf.reverse(pixels, [0]), lambda: pixels)

    def look_up() -> tf.Tensor:
        colours = tf.reshape(tf.cast(read_bytes(file, _BEGIN + size, 1024), tf.uint8), [256, 4])
        used = tf.range(256, dtype=tf.int64) < (begin - _BEGIN - size) // 4
        colours = tf.where(used[:, None], colours, tf.zeros_like(colours))
        return tf.gather(colours[:, 2::-1], tf.cast(read(1)[..., 0], tf.int32))

    def read_wide() -> tf.Tensor:
        alpha = standard & (size >= _WITH_ALPHA) & tf.reduce_all(head[66:70] == _ALPHA_MASK)
        return tf.gather(read(4), tf.constant([2, 1, 0, 3])[: tf.where(alpha, 4, 3)], axis=-1)

    pixels = tf.cond(
        bits == 8,
        look_up,
        lambda: tf.cond(bits == 24, lambda: tf.reverse(read(3), [-1]), read_wide),
    )
    return pixels, tf.constant(1)
