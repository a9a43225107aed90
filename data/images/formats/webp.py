"""Decode WebP files, of animations the first frame, in TensorFlow operations.

TensorFlow's decoder writes beyond its memory where an animation has no transparency. So it gets a
file of one still image alone, made from the file's first.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from data.images.channels import place_frame
from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, cut, read_bytes, to_bytes, to_number
from data.images.reasons import check_size, require

_HEAD = 12  # bytes before the first chunk
_FRAME_HEAD = 16  # bytes of a frame's content before its own chunks
_MOST_CHUNKS = 4096
_LARGEST = 1 << 14  # of a still image, pixels along a side


@apart
def decode_webp(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a WebP: pixels of 3 or 4 channels, and the orientation; see `decode`."""
    chunks = _read_chunks(file)
    reason = "it is truncated, or has no image that can be read"
    file = require(chunks.image > 0, reason, file)
    after = chunks.image + 8 + chunks.image_length
    file = require(after <= tf.cast(tf.strings.length(file), tf.int64), reason, file)
    head = read_bytes(file, chunks.image, 18)
    lossless = tf.reduce_all(head[:4] == list(b"VP8L"))
    bits = to_number(head[9:13], "little")  # behind one byte: 14 of the width, 14 of the height
    width, height = to_number(head[14:16], "little"), to_number(head[16:18], "little")
    low = _LARGEST - 1
    width = tf.where(lossless, bits % _LARGEST + 1, tf.bitwise.bitwise_and(width, low))
    height = tf.where(
        lossless, bits // _LARGEST % _LARGEST + 1, tf.bitwise.bitwise_and(height, low)
    )
    file = check_size(file, height, width, most_pixels)
    extended = chunks.screen_width > 0
    screen_height = tf.where(extended, chunks.screen_height, height)
    screen_width = tf.where(extended, chunks.screen_width, width)
    file = check_size(file, screen_height, screen_width, most_pixels)
    inside = (chunks.left + width <= screen_width) & (chunks.top + height <= screen_height)
    same = (width == screen_width) & (height == screen_height)
    valid = tf.where(chunks.framed, inside, same)
    file = require(valid, "its header is damaged: its image has another size", file)

    image = cut(file, chunks.image, 8 + chunks.image_length + chunks.image_length % 2)
    alpha = cut(file, chunks.alpha, 8 + chunks.alpha_length + chunks.alpha_length % 2)
    alone = tf.cond(
        (chunks.alpha > 0) & ~lossless,
        lambda: _wrap(_write_extension(height, width) + alpha + image),
        lambda: _wrap(image),
    )
    offset, screen = (chunks.top, chunks.left), (screen_height, screen_width)
    pixels = place_frame(tf.io.decode_webp(alone)[0], offset, screen)
    return pixels, read_orientation(file, chunks.exif_begin, chunks.exif_length)


def _wrap(chunks: tf.Tensor) -> tf.Tensor:
    """Make a file of chunks."""
    return tf.strings.join([b"RIFF", to_bytes(4 + tf.strings.length(chunks), 4), b"WEBP", chunks])


def _write_extension(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Write the chunk that says that a chunk of transparency comes."""
    sizes = [to_bytes(width - 1, 3), to_bytes(height - 1, 3)]
    return tf.strings.join([b"VP8X\x0a\0\0\0\x10\0\0\0", *sizes])


class _Chunks(NamedTuple):
    at: tf.Tensor  # of the next chunk
    framed: tf.Tensor  # whether the first image is a frame of an animation
    top: tf.Tensor
    left: tf.Tensor
    screen_height: tf.Tensor  # 0: the image's own
    screen_width: tf.Tensor
    image: tf.Tensor  # where the chunk of the first image begins; 0: not yet seen
    image_length: tf.Tensor
    alpha: tf.Tensor  # where its chunk of transparency begins; 0: there is none
    alpha_length: tf.Tensor
    exif_begin: tf.Tensor  # 0: there is none
    exif_length: tf.Tensor


def _read_chunks(file: tf.Tensor) -> _Chunks:
    """Read the names of all chunks, and of those within the first frame."""
    size = tf.cast(tf.strings.length(file), tf.int64)

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        return _Chunks(*state).at + 8 <= size

    def read_chunk(*state: tf.Tensor) -> _Chunks:
        chunks = _Chunks(*state)
        head = read_bytes(file, chunks.at, 18)
        length = to_number(head[4:8], "little")

        def is_named(name: bytes) -> tf.Tensor:
            return tf.reduce_all(head[:4] == list(name))

        def number(at: int) -> tf.Tensor:
            return to_number(head[at : at + 3], "little")

        extension = is_named(b"VP8X") & (chunks.screen_width == 0)
        frame = is_named(b"ANMF") & (chunks.image == 0) & ~chunks.framed
        image = (is_named(b"VP8 ") | is_named(b"VP8L")) & (chunks.image == 0)
        alpha = is_named(b"ALPH") & (chunks.image == 0) & (chunks.alpha == 0)
        exif = is_named(b"EXIF") & (chunks.exif_begin == 0)
        inner = chunks.at + 8 + _FRAME_HEAD
        return _Chunks(
            tf.where(frame, inner, chunks.at + 8 + length + length % 2),
            chunks.framed | frame,
            tf.where(frame, number(11) * 2, chunks.top),
            tf.where(frame, number(8) * 2, chunks.left),
            tf.where(extension, number(15) + 1, chunks.screen_height),
            tf.where(extension, number(12) + 1, chunks.screen_width),
            tf.where(image, chunks.at, chunks.image),
            tf.where(image, length, chunks.image_length),
            tf.where(alpha, chunks.at, chunks.alpha),
            tf.where(alpha, length, chunks.alpha_length),
            tf.where(exif, chunks.at + 8, chunks.exif_begin),
            tf.where(exif, length, chunks.exif_length),
        )

    zero = tf.constant(0, tf.int64)
    start = _Chunks(tf.constant(_HEAD, tf.int64), tf.constant(False), *[zero] * 10)
    return _Chunks(*tf.while_loop(is_ahead, read_chunk, start, maximum_iterations=_MOST_CHUNKS))
