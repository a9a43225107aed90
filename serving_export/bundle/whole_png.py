"""Check the chunks of PNG files by TensorFlow's operations: `data.files.png_chunks` in a graph.

libpng itself checks the chunks that the pixels need, and ignores damage in all others.
"""

from __future__ import annotations

from typing import Any

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

_BLOCK = 65_535  # most bytes of a block
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_FULL_BLOCK, _LAST_BLOCK = b"\x00\xff\xff\x00\x00", b"\x01"
_LETTERS = [bytes([number]) for number in range(256)]


def is_whole(file: tf.Tensor) -> tf.Tensor:
    """Return whether a PNG file has valid chunks, as `png_chunks.keep_needed_chunks` checks.

    Args:
        file: () string that begins with a PNG's signature. libpng checks the checksums of the
            chunks that pixels need.

    Returns:
        () bool.
    """
    size = tf.strings.length(file)

    def has_next(at: tf.Tensor, names: tf.Tensor, valid: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        return valid & (size - at >= FRAME) & (count < MOST_CHUNKS)

    def read_chunk(at: tf.Tensor, names: tf.Tensor, valid: tf.Tensor, count: tf.Tensor) -> Any:
        number = tf.io.decode_raw(tf.strings.substr(file, at, 4), tf.int32, little_endian=False)
        length, name = tf.reshape(number, []), tf.strings.substr(file, at + 4, 4)
        valid = (length >= 0) & (length <= size - at - FRAME)
        auxiliary = tf.strings.regex_full_match(name, AUXILIARY)
        valid = tf.cond(
            valid & auxiliary & (length <= LARGEST),
            lambda: _has_checksum(tf.strings.substr(file, at + 4, length + 8)),
            lambda: valid & ~auxiliary,
        )
        return at + FRAME + length, names + name, valid, count + 1

    start = (tf.constant(len(SIGNATURE)), tf.constant(""), tf.constant(True), tf.constant(0))
    at, names, valid, _ = tf.while_loop(has_next, read_chunk, start)
    end = tf.strings.substr(file, tf.maximum(0, size - len(END)), len(END))
    methods = tf.strings.substr(file, tf.minimum(METHODS_AT, size), 3)
    return (
        valid
        & (at == size)
        & (end == END)
        & tf.strings.regex_full_match(names, ORDER)
        & tf.strings.regex_full_match(methods, METHODS)
    )


def _has_checksum(chunk: tf.Tensor) -> tf.Tensor:
    """Return whether the last four bytes are the CRC-32 of the bytes before them.

    TensorFlow has no such operation, but GZIP ends with the same checksum (RFC 1952): the chunk is
    wrapped as a file of uncompressed blocks (RFC 1951) and decompressed. A wrong checksum raises
    DataLossError.
    """
    size = tf.strings.length(chunk) - 4
    full = size // _BLOCK
    rest = size - full * _BLOCK
    starts, lengths = tf.range(full) * _BLOCK, tf.fill([full], _BLOCK)
    blocks = tf.strings.substr(tf.fill([full], chunk), starts, lengths)
    numbers = tf.stack([rest, rest, -1 - rest, -1 - rest, *4 * [size]])
    shifted = tf.bitwise.right_shift(numbers, [0, 8, 0, 8, 0, 8, 16, 24])
    letters = tf.gather(_LETTERS, tf.bitwise.bitwise_and(shifted, 255))
    backwards = tf.strings.substr(tf.fill([4], chunk), size + tf.range(3, -1, -1), tf.fill([4], 1))
    file = [
        _HEADER,
        tf.strings.reduce_join(_FULL_BLOCK + blocks),
        _LAST_BLOCK,
        tf.strings.reduce_join(letters[:4]),
        tf.strings.substr(chunk, full * _BLOCK, rest),
        tf.strings.reduce_join(backwards),
        tf.strings.reduce_join(letters[4:]),
    ]
    content = tf.io.decode_compressed(tf.strings.join(file), "GZIP")
    return tf.strings.length(content) == size
