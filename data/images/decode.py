"""Decode an image file in TensorFlow operations, the only decoder of Penstock."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from data.geometry import ALL_FORMATS, FORMAT_NAMES, Format, Geometry
from data.images.channels import convert_channels
from data.images.formats.bmp import decode_bmp
from data.images.formats.file_bytes import apart, read_bytes
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
_USUAL: dict[Format, int] = {"jpeg": 0xFFD8, "png": 0x8950}  # how most files begin
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
        pixels, orientation = decode_any(file, spec.geometry)
        return convert_channels(pixels, spec), orientation


def decode_any(file: tf.Tensor, geometry: Geometry) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode one file to its own channels, 1 to 4, of which the second and the fourth are alpha."""
    most_pixels = int(geometry.max_megapixels * 1e6)
    pixels, orientation = _make_decoder(geometry.formats, most_pixels)(file)
    if geometry.orientation == "refuse":
        upright = {"it has an EXIF orientation other than 1": orientation == 1}
        pixels = require(pixels, upright)
    return pixels, orientation


@cache  # traced once for all specs of a process
def _make_decoder(formats: tuple[Format, ...], most_pixels: int) -> Any:
    """Make the function that decodes files of these formats to their own channels."""
    decode_rest = _make_rest_decoder(formats, most_pixels)
    usual = [name for name in _USUAL if name in formats]
    magic = [_USUAL[name] for name in usual]
    numbers = range(1, len(usual) + 1)

    @partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def decode_file(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        begin = tf.io.decode_raw(file, tf.uint16, little_endian=False, fixed_length=2)
        branch = tf.reduce_sum(tf.where(tf.equal(begin, magic), numbers, 0))
        decoders = [_DECODERS[KINDS.index(name)] for name in usual]
        branches = [partial(decoder, file, most_pixels) for decoder in decoders]
        pixels, orientation = tf.switch_case(branch, [lambda: decode_rest(file), *branches])
        return pixels, orientation

    return decode_file


def _make_rest_decoder(formats: tuple[Format, ...], most_pixels: int) -> Any:
    """Make the function that decodes files of the formats that are neither JPEG nor PNG."""
    taken = [KINDS.index(name) for name in formats if name not in _USUAL]
    branches = np.zeros(len(KINDS) + 1, np.int32)  # of each kind: its decoder
    branches[taken] = range(len(taken))
    names = [FORMAT_NAMES[name] for name in formats]
    reason = "it is no " + " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))

    @apart
    def decode_rest(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kind = find_kind(file)
        known = tf.reduce_any(tf.equal(kind, np.array(taken, np.int32)))
        file = require(file, {"it is empty": tf.strings.length(file) > 0, reason: known})
        if not taken:
            return tf.zeros([0, 0, 0], tf.uint8), tf.constant(1)
        decoders = [partial(_DECODERS[kind], file, most_pixels) for kind in taken]
        pixels, orientation = tf.switch_case(tf.gather(branches, kind), decoders)
        return pixels, orientation

    return decode_rest


def find_kind(file: tf.Tensor) -> tf.Tensor:
    """Return the index in KINDS, () int32, by the first bytes of a file; len(KINDS): none."""
    matches = tf.reduce_all((read_bytes(file, 0, 12) == _MAGIC) | (_MAGIC == _ANY), axis=1)
    return tf.argmax(tf.cast(tf.concat([matches, [True]], axis=0), tf.int32), output_type=tf.int32)
