"""Decode PNG files in TensorFlow operations."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, measure, read_numbers
from data.images.reasons import check_size, require

_FRAME = 12  # bytes of a chunk besides its content: length, name, checksum
_MOST_CHUNKS = 100_000
# Of the first chunk: length, name, width, height, bits, type of colour.
_HEAD = ((0, 4), (4, 4), (8, 4), (12, 4), (16, 1), (17, 1))
_END = b"\0\0\0\0IEND\xaeB`\x82"
_GREY_ALPHA, _ALPHA = 4, 6  # types of colour


def _name(letters: bytes) -> int:
    return int.from_bytes(letters, "big")


@apart
def decode_png(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a PNG: pixels of 1, 3 or 4 channels, and the orientation; see `decode`.

    Samples of 16 bits keep their upper byte.
    """
    length, name, width, height, _, colour = read_numbers(file, 8, _HEAD, "big")
    valid = (length == 13) & (name == _name(b"IHDR"))
    file = require(valid, "its header is damaged", file)
    file = check_size(file, height, width, most_pixels)
    other = tf.strings.regex_full_match(file, r"\C*(tRNS|acTL|eXIf)\C*")
    plain = ~other & (tf.strings.substr(file, -len(_END), len(_END)) == _END)
    chunks = _Chunks(*tf.cond(plain, _skip_chunks, lambda: _read_chunks(file)))
    file = require(chunks.ended, "it is truncated: the last chunk is missing", file)
    file = require(~chunks.animated, "it is an animated PNG", file)
    transparent = chunks.transparent | (colour == _GREY_ALPHA) | (colour == _ALPHA)
    pixels = tf.cond(
        transparent, lambda: tf.io.decode_png(file, channels=4), lambda: tf.io.decode_png(file)
    )
    return pixels, read_orientation(file, chunks.exif_begin, chunks.exif_length)


class _Chunks(NamedTuple):
    at: tf.Tensor  # of the next chunk
    ended: tf.Tensor  # whether the last chunk was read
    transparent: tf.Tensor  # whether there is a tRNS
    animated: tf.Tensor
    exif_begin: tf.Tensor  # 0: there is none
    exif_length: tf.Tensor


def _skip_chunks() -> _Chunks:
    """Return what `_read_chunks` returns for a whole file that has none of the three chunks."""
    zero, no = tf.constant(0, tf.int64), tf.constant(False)
    return _Chunks(zero, tf.constant(True), no, no, zero, zero)


@apart
def _read_chunks(file: tf.Tensor) -> _Chunks:
    """Read the names of all chunks: EXIF may be behind the pixels."""
    size = measure(file)

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        chunks = _Chunks(*state)
        return ~chunks.ended & (chunks.at + _FRAME <= size)

    def read_chunk(*state: tf.Tensor) -> _Chunks:
        chunks = _Chunks(*state)
        length, name = read_numbers(file, chunks.at, _HEAD[:2], "big")
        after = chunks.at + _FRAME + length
        exif = (name == _name(b"eXIf")) & (after <= size) & (chunks.exif_begin == 0)
        return _Chunks(
            after,
            (name == _name(b"IEND")) & (after <= size),
            chunks.transparent | (name == _name(b"tRNS")),
            chunks.animated | (name == _name(b"acTL")),
            tf.where(exif, chunks.at + 8, chunks.exif_begin),
            tf.where(exif, length, chunks.exif_length),
        )

    zero, no = tf.constant(0, tf.int64), tf.constant(False)
    start = _Chunks(tf.constant(8, tf.int64), no, no, no, zero, zero)
    return _Chunks(*tf.while_loop(is_ahead, read_chunk, start, maximum_iterations=_MOST_CHUNKS))
