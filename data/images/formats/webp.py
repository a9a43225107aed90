"""Decode WebP files, of animations the first frame, in TensorFlow operations.

TensorFlow's decoder writes beyond its memory where an animation has no transparency. So it gets a
file of one still image alone, made from the file's first.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from data.images.formats.exif import read_orientation
from data.images.formats.file_bytes import apart, measure, read_numbers
from data.images.formats.place import place_frame
from data.images.reasons import check_size, require

_HEAD = 12  # bytes before the first chunk
_FRAME_HEAD = 16  # bytes of a frame's content before its own chunks
_MOST_CHUNKS = 4096
_LARGEST = 1 << 14  # of a still image, pixels along a side
_LETTERS = [bytes([value]) for value in range(256)]
_VP8, _VP8L, _VP8X, _ALPH, _ANMF, _EXIF = (
    int.from_bytes(name, "little")
    for name in (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF", b"EXIF")
)
# Of a chunk: name, length; of a frame left and top, halved; of the screen width and height less 1.
_CHUNK = ((0, 4), (4, 4), (8, 3), (11, 3), (12, 3), (15, 3))
# Of an image: its name; lossless, 14 bits of the width and of the height; otherwise both.
_IMAGE = ((0, 4), (9, 4), (14, 2), (16, 2))


@apart
def decode_webp(file: tf.Tensor, most_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a WebP: pixels of 3 or 4 channels, and the orientation; see `decode`."""
    chunks = _read_chunks(file)
    name, bits, width, height = read_numbers(file, chunks.image, _IMAGE, "little")
    lossless = name == _VP8L
    width = tf.where(lossless, bits % _LARGEST + 1, width % _LARGEST)
    height = tf.where(lossless, bits // _LARGEST % _LARGEST + 1, height % _LARGEST)
    screen_height = tf.where(chunks.extended, chunks.screen_height, height)
    screen_width = tf.where(chunks.extended, chunks.screen_width, width)
    inside = (chunks.left + width <= screen_width) & (chunks.top + height <= screen_height)
    same = (width == screen_width) & (height == screen_height)
    image_end = chunks.image + 8 + chunks.image_length
    checks = {
        "it is truncated, or has no image that can be read": (chunks.image > 0)
        & (image_end <= measure(file)),
        **check_size(screen_height, screen_width, most_pixels),
        "its header is damaged: its image has another size": (width > 0)
        & (height > 0)
        & tf.where(chunks.framed, inside, same),
    }
    file = require(file, checks, (screen_height, screen_width))

    content = tf.strings.substr(
        file, chunks.image, image_end + chunks.image_length % 2 - chunks.image
    )
    transparent = (chunks.alpha > 0) & ~lossless
    content = tf.cond(transparent, lambda: _add_alpha(file, chunks, content), lambda: content)
    size = 4 + measure(content)
    powers = tf.constant([1, 1 << 8, 1 << 16, 1 << 24], tf.int64)
    digits = tf.strings.reduce_join(tf.gather(_LETTERS, size // powers % 256))
    pixels = tf.io.decode_webp(tf.strings.join([b"RIFF", digits, b"WEBP", content]))[0]
    offset, screen = (chunks.top, chunks.left), (screen_height, screen_width)
    orientation = read_orientation(file, chunks.exif_begin, chunks.exif_length)
    return place_frame(pixels, offset, screen), orientation


def _add_alpha(file: tf.Tensor, chunks: _Chunks, image: tf.Tensor) -> tf.Tensor:
    """Put before an image its chunk of transparency, and one that says so and repeats the size."""
    length = 8 + chunks.alpha_length + chunks.alpha_length % 2
    alpha = tf.strings.substr(file, chunks.alpha, length)
    sizes = tf.strings.substr(file, chunks.sizes, 6)
    return tf.strings.join([b"VP8X\x0a\0\0\0\x10\0\0\0", sizes, alpha, image])


class _Chunks(NamedTuple):
    at: tf.Tensor  # of the next chunk
    extended: tf.Tensor  # whether a screen is stated
    framed: tf.Tensor  # whether the first image is a frame of an animation
    top: tf.Tensor
    left: tf.Tensor
    screen_height: tf.Tensor
    screen_width: tf.Tensor
    sizes: tf.Tensor  # where the image's width and height are stated, outside of it
    image: tf.Tensor  # where the chunk of the first image begins; 0: not yet seen
    image_length: tf.Tensor
    alpha: tf.Tensor  # where its chunk of transparency begins; 0: there is none
    alpha_length: tf.Tensor
    exif_begin: tf.Tensor  # 0: there is none
    exif_length: tf.Tensor


def _read_chunks(file: tf.Tensor) -> _Chunks:
    """Read the names of all chunks, and of those within the first frame."""
    size = measure(file)

    def is_ahead(*state: tf.Tensor) -> tf.Tensor:
        return _Chunks(*state).at + 8 <= size

    def read_chunk(*state: tf.Tensor) -> _Chunks:
        chunks = _Chunks(*state)
        at = chunks.at
        name, length, *numbers = read_numbers(file, at, _CHUNK, "little")
        left, top, width, height = numbers
        extension = (name == _VP8X) & ~chunks.extended
        frame = (name == _ANMF) & (chunks.image == 0) & ~chunks.framed
        image = ((name == _VP8) | (name == _VP8L)) & (chunks.image == 0)
        alpha = (name == _ALPH) & (chunks.image == 0) & (chunks.alpha == 0)
        exif = (name == _EXIF) & (chunks.exif_begin == 0)
        return _Chunks(
            tf.where(frame, at + 8 + _FRAME_HEAD, at + 8 + length + length % 2),
            chunks.extended | extension,
            chunks.framed | frame,
            tf.where(frame, top * 2, chunks.top),
            tf.where(frame, left * 2, chunks.left),
            tf.where(extension, height + 1, chunks.screen_height),
            tf.where(extension, width + 1, chunks.screen_width),
            tf.where(extension, at + 12, tf.where(frame, at + 14, chunks.sizes)),
            tf.where(image, at, chunks.image),
            tf.where(image, length, chunks.image_length),
            tf.where(alpha, at, chunks.alpha),
            tf.where(alpha, length, chunks.alpha_length),
            tf.where(exif, at + 8, chunks.exif_begin),
            tf.where(exif, length, chunks.exif_length),
        )

    zero, no = tf.constant(0, tf.int64), tf.constant(False)
    start = _Chunks(tf.constant(_HEAD, tf.int64), no, no, *[zero] * 11)
    return _Chunks(*tf.while_loop(is_ahead, read_chunk, start, maximum_iterations=_MOST_CHUNKS))
