"""Decode BMP files in TensorFlow operations: uncompressed, of 8, 24 or 32 bits.

TensorFlow's own decoder ignores palettes and takes the unused byte of 32 bits for transparency.
"""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.file_bytes import apart, measure, read_bytes, read_numbers
from data.images.reasons import check_size, require

_BEGIN = 14  # bytes before the header
# Where the pixels begin, size of the header, width, height, bits, kind of compression, and the
# masks of red, green, blue and alpha.
_HEAD = ((10, 4), (14, 4), (18, 4), (22, 4), (28, 2), (30, 4), (54, 4), (58, 4), (62, 4), (66, 4))
_MASKS, _ALPHA_MASK = [0xFF0000, 0xFF00, 0xFF], 0xFF000000
_OLDEST, _WITH_ALPHA = 40, 56  # sizes of the first header that is read, of the first with alpha
_PLAIN, _FIELDS = 0, 3  # kinds of compression


@apart
def decode_bmp(file: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a BMP: pixels of 3 or 4 channels, and the orientation, 1; see `decode`."""
    begin, size, width, height, bits, kind, *masks = read_numbers(file, 0, _HEAD, "little")
    upwards = height < 2**31
    height = tf.where(upwards, height, 2**32 - height)
    width = tf.where(width < 2**31, width, 0)
    standard = (bits == 32) & (kind == _FIELDS) & tf.reduce_all(tf.stack(masks[:3]) == _MASKS)
    plain = tf.reduce_any(bits == [8, 24, 32]) & (kind == _PLAIN)
    stride = (width * bits + 31) // 32 * 4
    checks = {
        "it is a BMP of an old kind, or damaged": size >= _OLDEST,
        **check_size(height, width, most_pixels),
        "it is a BMP of a kind that is not read: uncompressed ones of 8, 24 or 32 bits are": plain
        | standard,
        "it is truncated: pixels are missing": (begin + stride * height <= measure(file))
        & (begin >= _BEGIN + size),
    }
    file = require(file, checks, (height, width))

    rows = tf.io.decode_raw(tf.strings.substr(file, begin, stride * height), tf.uint8)
    channels = bits // 8
    rows = tf.reshape(rows, tf.stack([height, stride]))[:, : width * channels]
    rows = tf.reshape(rows, tf.stack([height, width, channels]))
    rows = tf.cond(upwards, lambda: tf.reverse(rows, [0]), lambda: rows)

    def look_up() -> tf.Tensor:
        colours = tf.reshape(read_bytes(file, _BEGIN + size, 1024), [256, 4])
        used = tf.range(256, dtype=tf.int64)[:, None] < (begin - _BEGIN - size) // 4
        colours = tf.cast(tf.where(used, colours, 0), tf.uint8)
        return tf.gather(colours[:, 2::-1], tf.cast(rows[..., 0], tf.int32))

    alpha = standard & (size >= _WITH_ALPHA) & (masks[3] == _ALPHA_MASK)
    order = tf.constant([2, 1, 0, 3])[: tf.where(alpha, 4, 3)]  # blue comes first
    pixels = tf.cond(bits == 8, look_up, lambda: tf.gather(rows, order, axis=-1))
    return pixels, tf.constant(1)
