"""Read numbers at any offset of a file that is a string tensor."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import tensorflow as tf

Order = Literal["big", "little"]

_LETTERS = [bytes([value]) for value in range(256)]


# Decorates a function that most files do not need: it is traced once in a process and is one node
# where it is called. TensorFlow would otherwise inline both branches of every condition and pass
# every node of the branch that is not taken: three times the time of a small PNG.
apart = partial(tf.function, autograph=False, experimental_attributes={"_noinline": True})


def read_bytes(file: tf.Tensor, at: Any, count: int) -> tf.Tensor:
    """Return (count,) int64 of the bytes at an offset, 0 to 255; zeros behind the file's end."""
    begin = tf.clip_by_value(tf.cast(at, tf.int32), 0, tf.strings.length(file))
    piece = tf.strings.substr(file, begin, count)
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=count), tf.int64)


def to_number(values: tf.Tensor, order: Order) -> tf.Tensor:
    """Return the unsigned number, () int64, that up to four bytes (n,) are."""
    count = values.shape[0]
    powers = [256**place for place in range(count)]
    return tf.reduce_sum(values * (powers if order == "little" else powers[::-1]))


def to_bytes(number: tf.Tensor, count: int) -> tf.Tensor:
    """Return the string of a number's bytes, the lowest first."""
    powers = tf.constant([256**place for place in range(count)], tf.int64)
    values = tf.math.floormod(tf.math.floordiv(tf.cast(number, tf.int64), powers), 256)
    return tf.strings.reduce_join(tf.gather(_LETTERS, values))


def cut(file: tf.Tensor, at: Any, length: Any) -> tf.Tensor:
    """Return a part of a file: shorter, or empty, where the file ends before."""
    begin = tf.clip_by_value(tf.cast(at, tf.int64), 0, tf.cast(tf.strings.length(file), tf.int64))
    return tf.strings.substr(file, begin, tf.maximum(tf.cast(length, tf.int64), 0))
