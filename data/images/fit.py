"""Fit decoded pixels to the size of an image spec, in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from data.images.decode import decode
from data.spec import ImageSpec


def fit(pixels: tf.Tensor, orientation: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Apply the geometry of a spec.

    Args:
        pixels: (height, width, spec.channels) uint8, as `decode` returns them.
        orientation: () int32, 1-8.
        spec: the size, and the geometry.

    Returns:
        (spec.height, spec.width, spec.channels) uint8. Pixels of the right size stay as they are.
    """
    if spec.geometry.fit == "exact":
        return tf.ensure_shape(pixels, spec.shape)
    resized = tf.image.resize(
        pixels,
        (spec.height, spec.width),
        spec.geometry.interpolation,
        antialias=spec.geometry.antialias,
    )
    return tf.ensure_shape(
        tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8), spec.shape
    )


def read_image(file: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Decode and fit one file: () string → (spec.height, spec.width, spec.channels) uint8."""
    return fit(*decode(file, spec), spec)


def read_images(files: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Decode and fit a batch: (n,) string → (n, spec.height, spec.width, spec.channels) uint8.

    For tf.data and for signatures; n may be 0.
    """
    return tf.map_fn(
        lambda file: read_image(file, spec),
        files,
        fn_output_signature=tf.TensorSpec(spec.shape, tf.uint8),
    )
