"""Whether a PNG file is whole, in TensorFlow's operations: `data.files.png_chunks` in a graph.

libpng itself checks the chunks that the pixels need, and passes over damage in all others.
"""

from __future__ import annotations

import functools
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from data.files.png_chunks import (
    AUXILIARY,
    END,
    FRAME,
    LARGEST,
    METHODS,
    METHODS_AT,
    MOST_CHUNKS,
    ORDER,
    SIGNATURE,
)

_FAN = 16  # checksums that are joined into one at a time
_LEVELS = 6  # 16^6 bytes are more than a chunk may have
_RESIDUE = np.uint32(~0x2144DF1C & 0xFFFFFFFF).view(np.int32)  # of what its own checksum follows


def is_whole(file: tf.Tensor) -> tf.Tensor:
    """Whether a PNG file's chunks are as `needed_chunks` takes them.

    Args:
        file: () string, which begins with a PNG's signature. The checksums of the chunks that
            pixels need are left to libpng.

    Returns:
        () bool.
    """
    size = tf.strings.length(file)

    def more(at: tf.Tensor, names: tf.Tensor, fine: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        return fine & (size - at >= FRAME) & (count < MOST_CHUNKS)

    def walk(at: tf.Tensor, names: tf.Tensor, fine: tf.Tensor, count: tf.Tensor) -> Any:
        number = tf.io.decode_raw(tf.strings.substr(file, at, 4), tf.int32, little_endian=False)
        length, name = tf.reshape(number, []), tf.strings.substr(file, at + 4, 4)
        fine = (length >= 0) & (length <= size - at - FRAME)
        auxiliary = tf.strings.regex_full_match(name, AUXILIARY)
        fine = tf.cond(
            fine & auxiliary,
            lambda: _has_checksum(tf.strings.substr(file, at + 4, length + 8)),
            lambda: fine,
        )
        return at + FRAME + length, names + name, fine, count + 1

    start = (tf.constant(len(SIGNATURE)), tf.constant(""), tf.constant(True), tf.constant(0))
    at, names, fine, _ = tf.while_loop(more, walk, start)
    end = tf.strings.substr(file, tf.maximum(0, size - len(END)), len(END))
    methods = tf.strings.substr(file, tf.minimum(METHODS_AT, size), 3)
    return (
        fine
        & (at == size)
        & (end == END)
        & tf.strings.regex_full_match(names, ORDER)
        & tf.strings.regex_full_match(methods, METHODS)
    )


def _has_checksum(chunk: tf.Tensor) -> tf.Tensor:
    """Whether the last four bytes are the CRC-32 of those before, which are four or more."""

    def check() -> tf.Tensor:
        content = tf.cast(tf.io.decode_raw(chunk, tf.uint8), tf.int32)
        begin = tf.bitwise.bitwise_xor(content[:4], 0xFF)  # as if the remainder began with ones
        content = tf.concat([begin, content[4:-4], content[:-5:-1]], 0)
        return _remainder(tf.gather(_bytes(), content)) == _RESIDUE

    return tf.cond(tf.strings.length(chunk) <= LARGEST + 8, check, lambda: False)


def _remainder(values: tf.Tensor) -> tf.Tensor:
    """(n,) int32, the remainders of single bytes → () int32, that of all of them in order.

    A remainder is linear over bits: that of a text is the XOR of those of its pieces, each shifted
    by as many bytes as follow it. Sixteen neighbours are joined at a time, in a tree.
    """
    tables, width = tf.constant(_shifts()), _FAN * 8

    def join(level: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.pad(values, [[-tf.size(values) % _FAN, 0]])  # zeros in front change nothing
        shifted = tf.bitwise.right_shift(tf.reshape(values, [-1, _FAN, 1]), tf.range(0, 32, 4))
        halves = tf.reshape(tf.bitwise.bitwise_and(shifted, 15), [-1, width])
        pieces = tf.gather(tables[level], halves + 16 * tf.range(width))
        for half in (64, 32, 16, 8, 4, 2, 1):
            pieces = tf.bitwise.bitwise_xor(pieces[:, :half], pieces[:, half:])
        return level + 1, pieces[:, 0]

    _, values = tf.while_loop(
        lambda level, values: tf.size(values) > 1,
        join,
        (tf.constant(0), values),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )
    return values[0]  # no reshape: from that, the optimizer would take their number for 1


@functools.cache
def _bytes() -> np.ndarray:
    """(256,) int32: the remainder of each byte."""
    return np.array([_after(0, bytes([value])) for value in range(256)], np.uint32).view(np.int32)


@functools.cache
def _shifts() -> np.ndarray:
    """What becomes of a half byte of a remainder when so many bytes follow it.

    (levels, 16 neighbours x 8 half bytes x 16 values) int32.
    """
    table = np.empty((_LEVELS, _FAN, 8, 16), np.uint32)
    step = [_after(1 << bit, b"\0") for bit in range(32)]  # of each bit, by a byte
    for level in range(_LEVELS):
        shift = [1 << bit for bit in range(32)]  # by none
        for place in reversed(range(_FAN)):
            for half in range(8):
                for value in range(16):
                    table[level, place, half, value] = _applied(shift, value << 4 * half)
            shift = [_applied(step, remainder) for remainder in shift]
        step = shift
    return table.reshape(_LEVELS, -1).view(np.int32)


def _after(state: int, content: bytes) -> int:
    """The remainder `state` once `content` followed; zlib turns it before and behind."""
    return zlib.crc32(content, state ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _applied(bits: list[int], state: int) -> int:
    return functools.reduce(int.__xor__, (bits[n] for n in range(32) if state >> n & 1), 0)
