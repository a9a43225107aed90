"""Read numbers at any offset of a file that is a string tensor, in few operations.

Every signature of a model carries these operations, and TensorFlow's loader takes time for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import tensorflow as tf

Order = Literal["big", "little"]

# Decorates a function that most files do not need: it is traced once in a process and is one node
# where it is called. TensorFlow would otherwise inline both branches of every condition and pass
# every node of the branch that is not taken: three times the time of a small PNG.
apart = partial(tf.function, autograph=False, experimental_attributes={"_noinline": True})


def read_numbers(
    file: tf.Tensor, at: Any, places: Sequence[tuple[int, int]], order: Order
) -> list[tf.Tensor]:
    """Return unsigned numbers, () int64 each.

    Args:
        file: () string. What lies behind its end is zero.
        at: an offset, not behind the end.
        places: of each number the offset from there, and its bytes, at most four.
        order: of the bytes.
    """
    count = max(begin + length for begin, length in places)
    powers = np.zeros((len(places), count), np.int64)
    for row, (begin, length) in zip(powers, places, strict=True):
        row[begin : begin + length] = weigh(length, order)
    numbers = tf.reduce_sum(powers * read_bytes(file, at, count), axis=1)
    return list(tf.unstack(numbers, num=len(places)))


def read_bytes(file: tf.Tensor, at: Any, count: int) -> tf.Tensor:
    """Return (count,) int64 of the bytes at an offset, not behind the end; zeros behind it."""
    piece = tf.strings.substr(file, at, count)
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=count), tf.int64)


def weigh(length: int, order: Order) -> list[int]:
    """Return what each byte of a number counts."""
    powers = [256**place for place in range(length)]
    return powers if order == "little" else powers[::-1]


def measure(file: tf.Tensor) -> tf.Tensor:
    """Return the length of a file, () int64."""
    return tf.cast(tf.strings.length(file), tf.int64)
