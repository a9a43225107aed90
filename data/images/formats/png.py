"""Decode PNG files in TensorFlow operations."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, measure, read_numbers
from data.images.formats.plain import decode_plain
from data.images.reasons import check_size, require

_FRAME = 12  # bytes of a chunk besides its content: length, name, checksum
_MOST_CHUNKS = 100_000
_CHUNK = ((0, 4), (4, 4))  # length, name
# The first words of a file: what it begins with, length and name of the first chunk, width, height.
_BEGIN = (0x89504E47 - (1 << 32), 0x0D0A1A0A, 13, int.from_bytes(b"IHDR", "big"))
_WORDS = len(_BEGIN) + 2
_END = b"\0\0\0\0IEND\xaeB`\x82"
_LARGEST = (1 << 31) - 1


def decode_png(file: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a PNG: pixels of 1 to 4 channels, and the orientation; see `decode`.

    Samples of 16 bits keep their upper byte.
    """
    words = tf.io.decode_raw(file, tf.int32, little_endian=False, fixed_length=4 * _WORDS)
    side = math.isqrt(most_pixels)
    within = (words >= (*_BEGIN, 1, 1)) & (words <= (*_BEGIN, side, side))
    # chunks that change pixels, or what becomes of them
    other = tf.strings.regex_full_match(file, r"\C*(tRNS|acTL|eXIf)\C*")
    end = tf.maximum(tf.strings.length(file), len(_END)) - len(_END)
    ended = tf.strings.substr(file, end, len(_END)) == _END
    pixels, orientation = tf.cond(
        tf.reduce_all(within) & ended & ~other,
        lambda: (decode_plain(file), tf.constant(1)),
        lambda: _decode_any(file, words, most_pixels),
    )
    return pixels, orientation


@apart
def _decode_any(file: tf.Tensor, words: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    chunks = _read_chunks(file)
    *begin, width, height = tf.unstack(tf.cast(words, tf.int64), num=_WORDS)
    valid = tf.reduce_all(tf.equal(begin, _BEGIN))
    checks = {
        "its header is damaged": valid,
        **check_size(height, width, most_pixels),
        "it is truncated: the last chunk is missing": chunks.ended,
        "it is an animated PNG": ~chunks.animated,
    }
    file = require(file, checks, (height, width))
    pixels = tf.cond(
        chunks.transparent,
        lambda: tf.io.decode_png(file, channels=4),
        lambda: decode_plain(file),
    )
    return pixels, read_orientation(file, chunks.exif_begin, chunks.exif_length)


class _Chunks(NamedTuple):
    at: tf.Tensor  # of the next chunk
    ended: tf.Tensor  # whether the last chunk was read
    transparent: tf.Tensor  # whether there is a tRNS
    animated: tf.Tensor
    exif_begin: tf.Tensor  # 0: there is none
    exif_length: tf.Tensor


def _read_chunks(file: tf.Tensor) -> _Chunks:
    """Read the names of all chunks: EXIF may be behind the pixels."""
    size = measure(file)

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        chunks = _Chunks(*state)
        return ~chunks.ended & (chunks.at + _FRAME <= size)

    def read_chunk(*state: tf.Tensor) -> _Chunks:
        chunks = _Chunks(*state)
        length, name = read_numbers(file, chunks.at, _CHUNK, "big")
        after = chunks.at + _FRAME + length
        names = [int.from_bytes(letters, "big") for letters in (b"IEND", b"tRNS", b"acTL", b"eXIf")]
        end, transparent, animated, exif = tf.unstack(tf.equal(name, names), num=len(names))
        whole = after <= size
        exif &= whole & (chunks.exif_begin == 0)
        return _Chunks(
            after,
            end & whole,
            chunks.transparent | transparent,
            chunks.animated | animated,
            tf.where(exif, chunks.at + 8, chunks.exif_begin),
            tf.where(exif, length, chunks.exif_length),
        )

    zero, no = tf.constant(0, tf.int64), tf.constant(False)
    start = _Chunks(tf.constant(8, tf.int64), no, no, no, zero, zero)
    return _Chunks(*tf.while_loop(is_ahead, read_chunk, start, maximum_iterations=_MOST_CHUNKS))
