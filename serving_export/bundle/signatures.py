"""Define the signatures of a served model: files, images or tf.Examples in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from data.errors import ConfigError
from data.image_files import ANIMATION, IDAT, ORIENTATION_PATTERNS, png_head
from data.spec import IMAGE, ImageSpec
from serving_export.bundle import whole_png
from serving_export.bundle.manifest import (
    CLASS_INDEX,
    CLASS_NAME,
    ENCODED,
    EXAMPLES,
    IMAGES,
    PROBABILITIES,
    SIGNATURES,
)
from serving_export.bundle.transform_graph import TransformFn

if TYPE_CHECKING:
    import keras

ModelOutput = Literal["logits", "probabilities"]


def make_probabilities_function(
    model: keras.Model | tf.Module,
    transform: TransformFn,
    spec: ImageSpec,
    model_output: ModelOutput,
) -> Any:
    """Make the `tf.function` from pixels to probabilities.

    Returns:
        A function of images (batch, height, width, channels) uint8 that returns probabilities
        (batch, classes) float32: the transform, the model in inference mode, and a softmax where
        the model returns logits.

    Raises:
        ConfigError: the model's output is not one number per class.
    """
    import keras  # imported here: serving needs no Keras

    # A Keras model has two modes; the tf.Module of a train_fn has one.
    inference = {"training": False} if isinstance(model, keras.Layer) else {}

    def probabilities(images: tf.Tensor) -> tf.Tensor:
        inputs = transform(tf.cast(images, tf.float32))
        output = tf.cast(model(inputs, **inference), tf.float32)
        if not output.shape.is_compatible_with([None, spec.num_classes]):
            raise ConfigError(
                "the model's output does not fit the classes",
                expected=f"shape (batch, {spec.num_classes})",
                got=str(tuple(output.shape)),
                remedy="fix the last layer in build_model",
            )
        return tf.nn.softmax(output) if model_output == "logits" else output

    signature = [tf.TensorSpec([None, *spec.shape], tf.uint8)]
    # without AutoGraph, as Keras calls a model in training
    function = tf.function(probabilities, input_signature=signature, autograph=False)
    function.get_concrete_function()  # traced here, to raise the error here
    return function


def make_transform_function(transform: TransformFn, spec: ImageSpec) -> Any:
    """Make the `tf.function` from images (batch, height, width, channels) uint8 to model inputs."""
    return tf.function(
        lambda images: transform(tf.cast(images, tf.float32)),
        input_signature=[tf.TensorSpec([None, *spec.shape], tf.uint8)],
        autograph=False,
    )


def make_serving_functions(
    probabilities: Callable[[tf.Tensor], tf.Tensor], spec: ImageSpec
) -> dict[str, Any]:
    """Make the `tf.function`s of a bundle's signatures, by name.

    Each takes a batch of any size and returns, by name, `probabilities` (batch, classes) float32,
    `class_index` (batch,) int64 and `class_name` (batch,) string. Row i is for input i, column c
    for class c of the spec. A wrong size, number of channels or file format fails the whole batch
    with an InvalidArgumentError, a wrong checksum in a PNG with a DataLossError.

    Args:
        probabilities: as `make_probabilities_function` makes it.
        spec: of the images and classes.
    """
    strings = tf.TensorSpec([None], tf.string)
    pixels = tf.TensorSpec([None, *spec.shape], tf.uint8)

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = probabilities(tf.ensure_shape(images, [None, *spec.shape]))
        index = tf.argmax(rows, axis=1, output_type=tf.int64)
        names = tf.gather(tf.constant(spec.class_names), index)
        return {PROBABILITIES: rows, CLASS_INDEX: index, CLASS_NAME: names}

    def encoded(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        one = tf.TensorSpec(spec.shape, tf.uint8)
        decoded = tf.map_fn(
            lambda file: decode_image(file, spec), image_bytes, fn_output_signature=one
        )
        return answer(decoded)

    def examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(parse_images(examples, spec))

    return {
        name: tf.function(
            function,
            input_signature=[tf.TensorSpec(kind.shape, kind.dtype, SIGNATURES[name])],
            autograph=False,
        )
        for name, function, kind in (
            (ENCODED, encoded, strings),
            (IMAGES, lambda images: answer(images), pixels),
            (EXAMPLES, examples, strings),
        )
    }


def decode_image(file: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Decode one PNG or JPEG file to the same pixels as `data.image_files.decode_file`.

    Args:
        file: () string, the file's bytes.

    Returns:
        (height, width, channels) uint8. Nothing is resized, rotated or converted: a file of another
        shape is an error. The header is checked before a decoder runs.
    """

    def jpeg() -> tf.Tensor:
        # Checks the channels: decode_jpeg would silently convert CMYK to RGB.
        fits = tf.reduce_all(tf.image.extract_jpeg_shape(file) == spec.shape)
        checked = _require(file, fits, "a JPEG of another size or with other channels")
        # The default method is faster, but differs from other libraries by a few levels.
        return tf.io.decode_jpeg(checked, dct_method="INTEGER_ACCURATE")

    def png() -> tf.Tensor:
        # decode_png would silently drop the lower byte of 16-bit pixels and look up palettes.
        fits = tf.strings.substr(file, 0, len(head)) == head
        message = "neither JPEG nor PNG, or a PNG of another size, channels or bit depth"
        checked = _require(file, fits, message)
        before_pixels = tf.strings.regex_replace(checked, rf"{IDAT}\C*", "")
        animated = tf.strings.regex_full_match(before_pixels, rf"\C*{ANIMATION}\C*")
        checked = _require(checked, ~animated, "an animated PNG")
        checked = _require(checked, whole_png.is_whole(checked), "a damaged PNG")
        return tf.io.decode_png(checked)

    head = png_head(spec)
    for header, tag in ORIENTATION_PATTERNS:
        has_orientation = tf.strings.regex_full_match(file, rf"\C*{header}\C*{tag}\C*")
        file = _require(file, ~has_orientation, "an EXIF orientation other than 1")
    return tf.ensure_shape(tf.cond(tf.io.is_jpeg(file), jpeg, png), spec.shape)


def _require(file: tf.Tensor, condition: tf.Tensor, message: str) -> tf.Tensor:
    """Return the file, but only once the condition holds; otherwise fail with the message.

    In a graph an assertion alone delays no other operation: a few hundred KB of PNG would be
    decoded to 16,000 x 16,000 pixels before the assertion fails.
    """
    with tf.control_dependencies([tf.debugging.Assert(condition, [message])]):
        return tf.identity(file)


def parse_images(serialized: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Parse a batch of tf.Examples whose feature `image` has raw pixel bytes.

    Args:
        serialized: (batch,) string; other features, such as the label, are ignored.

    Returns:
        (batch, height, width, channels) uint8.
    """
    features = tf.io.parse_example(serialized, {IMAGE: tf.io.FixedLenFeature([], tf.string)})
    pixels = tf.io.decode_raw(features[IMAGE], tf.uint8)
    # The batch size is given, not inferred, so that images of another size cannot pass.
    return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape])
