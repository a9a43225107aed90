"""Encode images as inputs of the signatures of a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def encode_for_signatures(images: Any) -> Iterator[tuple[str, Any]]:
    """Yield each signature with images (batch, height, width, channels) uint8 as its input."""
    import tensorflow as tf

    from data.spec import IMAGE
    from serving_export.bundle.manifest import ENCODED, EXAMPLES, IMAGES

    yield IMAGES, images
    yield ENCODED, [tf.io.encode_png(image).numpy() for image in images]
    lists = [tf.train.BytesList(value=[image.tobytes()]) for image in images]
    features = [tf.train.Features(feature={IMAGE: tf.train.Feature(bytes_list=b)}) for b in lists]
    yield EXAMPLES, [tf.train.Example(features=f).SerializeToString() for f in features]
