"""Decode the images of TensorFlow Datasets, after checking the size in the header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


def make_sized_decoders(feature: Any, image: str, height: int, width: int) -> dict[str, Any]:
    """Return decoders for `as_dataset` that refuse an encoded image of another size.

    A file of a few KB can hold 16,000 x 16,000 pixels, and TFDS checks the size after decoding.

    Args:
        feature: the `tfds.features.FeatureConnector` of the image; one stored as raw values needs
            no decoder.
        image: its name.
        height: the required height; decoding another size raises InvalidArgumentError.
        width: the required width.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    if not isinstance(feature, tfds.features.Image):
        return {}

    @tfds.decode.make_decoder()  # type: ignore[untyped-decorator]
    def decode_sized(file: tf.Tensor, feature: Any) -> tf.Tensor:
        size = read_header_size(file)
        message = f"an image that is not {height} high and {width} wide:"
        fits = tf.reduce_all(size == [height, width])
        with tf.control_dependencies([tf.debugging.Assert(fits, [message, size])]):
            return feature.decode_example(tf.identity(file))

    return {image: decode_sized()}


def read_header_size(file: tf.Tensor) -> tf.Tensor:
    """Read height and width from the header of a PNG, JPEG or BMP file: (2,) int32.

    Both are -1 for any other file.

    Args:
        file: () string, the file's bytes.
    """
    import tensorflow as tf

    def read_integers(offset: int, little_endian: bool) -> tf.Tensor:
        """Read width and height, 32 bits each."""
        content = tf.strings.substr(file, offset, 8)
        return tf.io.decode_raw(content, tf.int32, little_endian=little_endian)

    return tf.case(
        [
            (tf.io.is_jpeg(file), lambda: tf.image.extract_jpeg_shape(file)[:2]),
            (_starts_with(file, b"\x89PNG"), lambda: read_integers(16, False)[::-1]),
            # a BMP with a negative height is stored upside down
            (_starts_with(file, b"BM"), lambda: tf.abs(read_integers(18, True)[::-1])),
        ],
        default=lambda: tf.constant([-1, -1]),
    )


def _starts_with(file: tf.Tensor, magic: bytes) -> tf.Tensor:
    import tensorflow as tf

    return tf.strings.substr(file, 0, len(magic)) == magic
