"""Read the orientation from EXIF in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from data.images.formats.file_bytes import apart, cut, read_bytes, to_number

_MOST_BYTES = 1 << 20
_PREFIX = b"Exif\0\0"  # before the TIFF structure, in JPEG always
_LITTLE, _BIG = [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A]
_ENTRY = 12  # bytes: tag, type, count, value
_ORIENTATION, _SHORT, _LONG = 0x0112, 3, 4


def read_orientation(file: tf.Tensor, at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return the orientation, () int32, 1 to 8: tag 0x0112 of the first directory.

    Args:
        file: () string.
        at: () int64, where the EXIF begins, with or without its prefix; 0: there is none.
        length: () int64.

    Returns:
        1 where there is no EXIF, no such tag, or another value: as Pillow's `exif_transpose`.
    """
    return tf.cond(
        at > 0,
        lambda: _read_directory(cut(file, at, tf.minimum(length, _MOST_BYTES))),
        lambda: tf.constant(1),
    )


@apart
def _read_directory(exif: tf.Tensor) -> tf.Tensor:
    prefixed = tf.strings.substr(exif, 0, len(_PREFIX)) == _PREFIX
    tiff = tf.cond(prefixed, lambda: cut(exif, len(_PREFIX), _MOST_BYTES), lambda: exif)
    head = read_bytes(tiff, 0, 8)
    little = tf.reduce_all(head[:4] == _LITTLE)
    valid = little | tf.reduce_all(head[:4] == _BIG)

    def number(values: tf.Tensor) -> tf.Tensor:
        return tf.where(little, to_number(values, "little"), to_number(values, "big"))

    at = number(head[4:])
    count = number(read_bytes(tiff, at, 2))
    rows = cut(tiff, at + 2, count * _ENTRY)
    whole = tf.strings.length(rows) // _ENTRY * _ENTRY
    entries = tf.reshape(tf.io.decode_raw(cut(rows, 0, whole), tf.uint8), [-1, _ENTRY])
    values = tf.cast(entries, tf.int64)

    def column(begin: int, count: int) -> tf.Tensor:
        powers = tf.constant([256**place for place in range(count)], tf.int64)
        part = values[:, begin : begin + count]
        return tf.reduce_sum(part * tf.where(little, powers, powers[::-1]), axis=1)

    kind = column(2, 2)
    value = tf.where(kind == _SHORT, column(8, 2), column(8, 4))
    tagged = (column(0, 2) == _ORIENTATION) & ((kind == _SHORT) | (kind == _LONG))
    found = tf.boolean_mask(value, tagged & (column(4, 4) == 1))
    last = tf.concat([[1], found], axis=0)[-1]
    return tf.cast(tf.where(valid & (last >= 1) & (last <= 8), last, 1), tf.int32)
