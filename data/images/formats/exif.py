"""Read the orientation from EXIF in TensorFlow operations."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.images.formats.file_bytes import apart, measure, read_bytes, weigh

_MOST_BYTES = 1 << 20
_ORDERS = [b"II*\0", b"MM\0*"]  # of bytes: little and big
_ENTRY = 12  # bytes: tag, type, count, value
_ORIENTATION, _SHORT, _LONG = 0x0112, 3, 4
# For both orders of bytes, what each byte of an entry counts in its tag, its type, its number of
# values, and its value as SHORT and as LONG.
_PLACES = ((0, 2), (2, 2), (4, 4), (8, 2), (8, 4))
_WEIGHTS = np.zeros((2, _ENTRY, len(_PLACES)), np.int64)
for _column, (_begin, _length) in enumerate(_PLACES):
    _WEIGHTS[0, _begin : _begin + _length, _column] = weigh(_length, "little")
    _WEIGHTS[1, _begin : _begin + _length, _column] = weigh(_length, "big")
_OFFSET = _WEIGHTS[:, :8, 2]  # where the directory begins: bytes 4 to 8
_COUNT = _WEIGHTS[:, :2, 0]  # its number of entries: its first two bytes


def read_orientation(file: tf.Tensor, at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return the orientation, () int32, 1 to 8: tag 0x0112 of the first directory.

    Args:
        file: () string.
        at: () int64, where the EXIF begins, with or without its prefix; 0: there is none.
        length: () int64.

    Returns:
        1 where there is no EXIF, no such tag, or another value: as Pillow's `exif_transpose`.
    """
    return tf.cond(at > 0, lambda: _read_directory(file, at, length), lambda: tf.constant(1))


@apart
def _read_directory(file: tf.Tensor, at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    exif = tf.strings.substr(file, at, tf.clip_by_value(length, 0, _MOST_BYTES))
    tiff = tf.strings.regex_replace(exif, r"\AExif\x00\x00", "", replace_global=False)
    size = measure(tiff)
    orders = tf.equal(tf.strings.substr(tiff, 0, 4), _ORDERS)
    order = tf.argmax(orders)  # 0 where neither is
    begin = tf.minimum(_weigh_bytes(read_bytes(tiff, 0, 8), _OFFSET, order), size)
    count = _weigh_bytes(read_bytes(tiff, begin, 2), _COUNT, order)
    rows = tf.strings.substr(tiff, tf.minimum(begin + 2, size), count * _ENTRY)
    whole = tf.strings.substr(rows, 0, tf.strings.length(rows) // _ENTRY * _ENTRY)
    entries = tf.cast(tf.reshape(tf.io.decode_raw(whole, tf.uint8), [-1, _ENTRY, 1]), tf.int64)
    tag, kind, number, short, long = tf.unstack(
        tf.reduce_sum(entries * tf.gather(_WEIGHTS, order), axis=1), num=len(_PLACES), axis=1
    )
    valid = (tag == _ORIENTATION) & (number == 1) & ((kind == _SHORT) | (kind == _LONG))
    values = tf.boolean_mask(tf.where(kind == _SHORT, short, long), valid)
    last = tf.concat([[1], values], axis=0)[-1]
    known = tf.reduce_any(orders) & (last >= 1) & (last <= 8)
    return tf.cast(tf.where(known, last, 1), tf.int32)


def _weigh_bytes(content: tf.Tensor, weights: np.ndarray, order: tf.Tensor) -> tf.Tensor:
    """Return the number that some bytes are in an order; `weights` is (orders, bytes)."""
    return tf.gather(tf.reduce_sum(content * weights, axis=1), order)
