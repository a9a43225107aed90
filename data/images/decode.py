"""Decode an image file in TensorFlow operations, the only decoder of Penstock."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from data.geometry import ALL_FORMATS, FORMAT_NAMES, Format
from data.images.channels import convert_channels
from data.images.formats.bmp import decode_bmp
from data.images.formats.file_bytes import read_bytes
from data.images.formats.gif import decode_gif
from data.images.formats.jpeg import decode_jpeg
from data.images.formats.png import decode_png
from data.images.formats.webp import decode_webp
from data.images.reasons import require
from data.spec import ImageSpec

CPU = "/CPU:0"  # another device's arithmetic may differ in the last bit
KINDS = ALL_FORMATS
_ANY = -1
_MAGIC = np.full((len(KINDS), 12), _ANY, np.int64)  # the first bytes of each kind
for _row, _start in zip(
    _MAGIC, (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM"), strict=True
):
    _row[: len(_start)] = list(_start)
_MAGIC[KINDS.index("webp"), 8:] = list(b"WEBP")
_DECODERS = (decode_jpeg, decode_png, decode_gif, decode_webp, decode_bmp)


def decode(file: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode one file to the channels of the spec, in the file's own size.

    The header is checked before anything is decoded. An animation's first frame is decoded.

    Args:
        file: () string, the file's bytes.
        spec: its channels, and of its geometry background, orientation and max_megapixels.

    Returns:
        Pixels (height, width, spec.channels) uint8 as they are stored in the file, and its EXIF
        orientation, () int32, 1-8.

    Raises:
        tf.errors.OpError: when it runs, the file cannot be decoded; `reasons.explain_error` says
            why.
    """
    with tf.device(CPU):
        most_pixels = tf.constant(int(spec.geometry.max_megapixels * 1e6), tf.int64)
        pixels, orientation = _make_decoder(spec.geometry.formats)(file, most_pixels)
        if spec.geometry.orientation == "refuse":
            pixels = require(orientation == 1, "it has an EXIF orientation other than 1", pixels)
        return convert_channels(pixels, spec), orientation


def decode_plain(file: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, or a PNG without transparency, whose header was checked: 1 or 3 channels.

    Samples of 16 bits keep their upper byte. A PNG is decoded as by `tf.io.decode_png`.
    """
    # The default method is faster, but differs from other libraries by a few levels.
    return tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE")


@cache  # traced once for all specs of a process
def _make_decoder(formats: tuple[Format, ...]) -> Any:
    """Make the function that decodes files of these formats to their own channels, 1, 3 or 4."""
    taken = [KINDS.index(name) for name in formats]
    branches = np.full(len(KINDS) + 1, len(taken))  # of each kind: its decoder
    branches[taken] = range(len(taken))
    names = [FORMAT_NAMES[name] for name in formats]
    reason = "it is no " + " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))

    @partial(
        tf.function,
        input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)],
        autograph=False,
    )
    def decode_any(file: tf.Tensor, most_pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        file = require(tf.strings.length(file) > 0, "it is empty", file)
        branch = tf.gather(tf.constant(branches, tf.int32), find_kind(file))
        file = require(branch < len(taken), reason, file)
        decoders = [partial(_DECODERS[kind], file, most_pixels) for kind in taken]
        pixels, orientation = tf.switch_case(branch, decoders)
        return pixels, orientation

    return decode_any


def find_kind(file: tf.Tensor) -> tf.Tensor:
    """Return the index in KINDS, () int32, by the first bytes of a file; len(KINDS): none."""
    matches = tf.reduce_all((read_bytes(file, 0, 12) == _MAGIC) | (_MAGIC == _ANY), axis=1)
    return tf.argmax(tf.cast(tf.concat([matches, [True]], axis=0), tf.int32), output_type=tf.int32)
