"""Decode small PNG files that are already what a model takes, many at a time: for ingest.

The general way checks a header in a hundred operations for each file. Of a plain file Python knows
the same by looking at its first and last bytes, and one operation is left, the one that `decode`
applies as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from data.spec import ImageSpec

COUNT = 64  # files of one call
_MOST_BYTES = 64 << 20  # of their pixels
_BEGIN, _END = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0\0\0\0IEND\xaeB`\x82"
_COLOURS = {1: b"\0", 3: b"\2\3"}  # channels of the pixels → types of colour: grey; RGB, palette
_TYPE_AT = 25


def make_test(spec: ImageSpec) -> Callable[[bytes], bool]:
    """Make the test whether a file is plain: a whole PNG of the spec's own height, width, channels.

    It has none of the chunks that change pixels or what becomes of them: transparency, animation,
    EXIF. The geometry leaves its pixels as they are.
    """
    pixels, colours = spec.height * spec.width, _COLOURS.get(spec.channels, b"")
    if COUNT * spec.image_bytes > _MOST_BYTES or pixels > int(spec.geometry.max_megapixels * 1e6):
        return lambda file: False
    begin = _BEGIN + spec.width.to_bytes(4, "big") + spec.height.to_bytes(4, "big")

    def is_plain(file: bytes) -> bool:
        return (
            file.startswith(begin)
            and file.endswith(_END)
            and file[_TYPE_AT] in colours
            and b"tRNS" not in file
            and b"acTL" not in file
            and b"eXIf" not in file
        )

    return is_plain


@cache
def make_decoder(shape: tuple[int, int, int]) -> Callable[[Any], Any]:
    """Make the function from COUNT plain files, (n,) string, to their pixels, (n, *shape) uint8.

    It raises a `tf.errors.OpError` where one of them is damaged.
    """
    import tensorflow as tf

    from data.images.decode import CPU
    from data.images.formats.plain import decode_plain

    def decode_all(files: tf.Tensor) -> tf.Tensor:
        with tf.device(CPU):
            # One operation for each, without a loop around it.
            pixels = [decode_plain(file) for file in tf.unstack(files, num=COUNT)]
            return tf.reshape(tf.stack(pixels), [COUNT, *shape])

    decoder: Callable[[Any], Any] = tf.function(
        decode_all, input_signature=[tf.TensorSpec([COUNT], tf.string)], autograph=False
    )
    return decoder
