"""What a served model answers: encoded files, uint8 images or tf.Examples in, probabilities out."""

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
    """The whole way from pixels to probabilities, as one `tf.function`.

    Returns:
        A function of images (batch, height, width, channels) uint8 that gives probabilities
        (batch, classes) float32: transformed, then the model in inference mode, then softmax
        where the model gives logits.

    Raises:
        ConfigError: the model's output is not one number per class.
    """
    import keras  # here, so that whoever only serves needs no Keras

    # A Keras model knows two modes; a tf.Module that a train_fn made has one.
    inference = {"training": False} if isinstance(model, keras.Layer) else {}

    def probabilities(images: tf.Tensor) -> tf.Tensor:
        inputs = transform(tf.cast(images, tf.float32))
        output = tf.cast(model(inputs, **inference), tf.float32)
        if not output.shape.is_compatible_with([None, spec.num_classes]):
            raise ConfigError(
                "the model's output does not fit the classes",
                expected=f"shape (batch, {spec.num_classes})",
                got=str(tuple(output.shape)),
                remedy="mend the last layer that build_model makes",
            )
        return tf.nn.softmax(output) if model_output == "logits" else output

    signature = [tf.TensorSpec([None, *spec.shape], tf.uint8)]
    # Without autograph, as Keras itself calls a model when it trains.
    function = tf.function(probabilities, input_signature=signature, autograph=False)
    function.get_concrete_function()  # traced here, so that the error comes here
    return function


def make_transform_function(transform: TransformFn, spec: ImageSpec) -> Any:
    """What the model is fed: a `tf.function` of images (batch, height, width, channels) uint8."""
    return tf.function(
        lambda images: transform(tf.cast(images, tf.float32)),
        input_signature=[tf.TensorSpec([None, *spec.shape], tf.uint8)],
        autograph=False,
    )


def make_serving_functions(
    probabilities: Callable[[tf.Tensor], tf.Tensor], spec: ImageSpec
) -> dict[str, Any]:
    """The signatures of a bundle, by name: `tf.function`s around one `make_probabilities_function`.

    Each takes a batch of any size and returns `probabilities` (batch, classes) float32,
    `class_index` (batch,) int64 and `class_name` (batch,) string: by name, for a SavedModel keeps
    no other order of outputs; row i answers input i, column c is class c of the spec. A wrong
    size, number of channels or file format fails the whole batch with an InvalidArgumentError,
    a wrong checksum in a PNG with a DataLossError.
    """
    strings = tf.TensorSpec([None], tf.string)
    pixels = tf.TensorSpec([None, *spec.shape], tf.uint8)

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        found = probabilities(tf.ensure_shape(images, [None, *spec.shape]))
        index = tf.argmax(found, axis=1, output_type=tf.int64)
        names = tf.gather(tf.constant(spec.class_names), index)
        return {PROBABILITIES: found, CLASS_INDEX: index, CLASS_NAME: names}

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
    """Pixels of one PNG or JPEG file: those that `data.image_files.decode_file` gives, or an error.

    Args:
        file: () string, the file's bytes.

    Returns:
        (height, width, channels) uint8. Nothing is resized or turned, and no colours are made or
        dropped: a file of another shape is an error, for the model never saw its like. No decoder
        is asked before the file's header passed.
    """

    def jpeg() -> tf.Tensor:
        # The file's own number of channels; decode_jpeg would make RGB of CMYK in silence.
        fits = tf.reduce_all(tf.image.extract_jpeg_shape(file) == spec.shape)
        checked = _require(file, fits, "a JPEG of another size or colours")
        # The default method is faster and differs by a few levels from what other libraries decode.
        return tf.io.decode_jpeg(checked, dct_method="INTEGER_ACCURATE")

    def png() -> tf.Tensor:
        # decode_png would drop the lower byte of 16-bit pixels and look up palettes in silence.
        fits = tf.strings.substr(file, 0, len(head)) == head
        words = "neither JPEG nor PNG, or a PNG of another size, colours or bits"
        checked = _require(file, fits, words)
        before_pixels = tf.strings.regex_replace(checked, rf"{IDAT}\C*", "")
        animated = tf.strings.regex_full_match(before_pixels, rf"\C*{ANIMATION}\C*")
        checked = _require(checked, ~animated, "an animated PNG")
        checked = _require(checked, whole_png.is_whole(checked), "a PNG that is not whole")
        return tf.io.decode_png(checked)

    head = png_head(spec)
    for header, tag in ORIENTATION_PATTERNS:
        turned = tf.strings.regex_full_match(file, rf"\C*{header}\C*{tag}\C*")
        file = _require(file, ~turned, "an EXIF orientation other than 1")
    return tf.ensure_shape(tf.cond(tf.io.is_jpeg(file), jpeg, png), spec.shape)


def _require(file: tf.Tensor, condition: tf.Tensor, otherwise: str) -> tf.Tensor:
    """The same file, of which nothing is read before the condition held.

    In a graph an assertion alone holds up nobody: a few hundred KB of PNG would first become 16,000
    x 16,000 pixels, and then be refused.
    """
    with tf.control_dependencies([tf.debugging.Assert(condition, [otherwise])]):
        return tf.identity(file)


def parse_images(serialized: tf.Tensor, spec: ImageSpec) -> tf.Tensor:
    """Pixels of a batch of tf.Examples whose feature `image` holds raw bytes.

    Args:
        serialized: (batch,) string; other features, such as the label, may be there.

    Returns:
        (batch, height, width, channels) uint8.
    """
    features = tf.io.parse_example(serialized, {IMAGE: tf.io.FixedLenFeature([], tf.string)})
    pixels = tf.io.decode_raw(features[IMAGE], tf.uint8)
    # With the batch size given, not inferred, bytes for another size of image cannot pass.
    return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape])
