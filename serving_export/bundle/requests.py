"""Encode images as inputs of the signatures of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def encode_for_signatures(images: Any) -> Iterator[tuple[str, Any]]:
    """Yield each signature with images (batch, height, width, channels) uint8 as its input."""
    from serving_export.bundle.manifest import ENCODED, EXAMPLES, IMAGES

    yield IMAGES, images
    yield ENCODED, encode_png(images)
    yield EXAMPLES, encode_examples(image.tobytes() for image in images)


def encode_png(images: Any) -> list[bytes]:
    """Encode images (batch, height, width, channels) uint8 as PNG files."""
    import tensorflow as tf

    return [tf.io.encode_png(image).numpy() for image in images]


def encode_examples(contents: Iterable[bytes], kind: str | None = None) -> list[bytes]:
    """Serialize tf.Examples, without a label.

    Args:
        contents: raw pixels, or the bytes of files.
        kind: the files' format, such as "png"; None: the contents are raw pixels.
    """
    import tensorflow as tf

    from data.spec import FORMAT, IMAGE

    def serialize(content: bytes) -> bytes:
        values = {IMAGE: content} | ({FORMAT: kind.encode()} if kind else {})
        features = {
            name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            for name, value in values.items()
        }
        message = tf.train.Example(features=tf.train.Features(feature=features))
        return bytes(message.SerializeToString(deterministic=True))

    return [serialize(content) for content in contents]
