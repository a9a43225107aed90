"""Images as TensorFlow Datasets has them, each decoded only after its header told its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.spec import ImageSpec

if TYPE_CHECKING:
    import tensorflow as tf


def is_image(feature: Any) -> bool:
    """Whether it is one image or array: no sequence, no video, no features of its own."""
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.Image | tfds.features.Tensor)


def is_label(feature: Any) -> bool:
    """Whether it is one class label: a sequence of them has names too."""
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.ClassLabel)


def make_sized_decoders(features: Any, image: str, spec: ImageSpec) -> dict[str, Any]:
    """Decoders for `as_dataset`: of images at rest as files, for those of the spec's size alone.

    A file of a few KB may tell of 16,000 x 16,000 pixels, and TFDS looks at the size afterwards.

    Args:
        features: the dataset's.
        image: the name of the image feature; one at rest as raw values needs no decoder.
        spec: what each image must be, or its decoding is an InvalidArgumentError.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    if not isinstance(features[image], tfds.features.Image):
        return {}

    @tfds.decode.make_decoder()  # type: ignore[untyped-decorator]
    def sized(file: tf.Tensor, feature: Any) -> tf.Tensor:
        size = read_header_size(file)
        words = f"an image that is not {spec.height} high and {spec.width} wide:"
        fits = tf.reduce_all(size == [spec.height, spec.width])
        with tf.control_dependencies([tf.debugging.Assert(fits, [words, size])]):
            return feature.decode_example(tf.identity(file))

    return {image: sized()}


def read_header_size(file: tf.Tensor) -> tf.Tensor:
    """What the header of a PNG, JPEG or BMP file says: (2,) int32, height and width.

    Two times -1 for anything else.

    Args:
        file: () string, the file's bytes.
    """
    import tensorflow as tf

    def numbers(place: int, little_endian: bool) -> tf.Tensor:
        """Width and height, a number of 32 bits each."""
        eight = tf.strings.substr(file, place, 8)
        return tf.io.decode_raw(eight, tf.int32, little_endian=little_endian)

    return tf.case(
        [
            (tf.io.is_jpeg(file), lambda: tf.image.extract_jpeg_shape(file)[:2]),
            (_begins(file, b"\x89PNG"), lambda: numbers(16, False)[::-1]),
            # a BMP of a negative height lies upside down
            (_begins(file, b"BM"), lambda: tf.abs(numbers(18, True)[::-1])),
        ],
        default=lambda: tf.constant([-1, -1]),
    )


def _begins(file: tf.Tensor, magic: bytes) -> tf.Tensor:
    import tensorflow as tf

    return tf.strings.substr(file, 0, len(magic)) == magic
