"""Define the signatures of a served model: files, images or tf.Examples in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from data.errors import ConfigError
from data.images.fit import read_image
from data.spec import FORMAT, IMAGE, ImageSpec
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
    """Make the function from images (batch, height, width, channels) uint8 to model inputs."""
    function = tf.function(
        lambda images: transform(tf.cast(images, tf.float32)),
        input_signature=[tf.TensorSpec([None, *spec.shape], tf.uint8)],
        autograph=False,
    )
    return function.get_concrete_function()  # saved as it is, see `_trace_reading`


def make_read_function(spec: ImageSpec) -> Any:
    """Make the function from an image file, () string, to the pixels that the model is given.

    It returns (height, width, channels) uint8, by the geometry of the spec. A bad file raises an
    InvalidArgumentError; `data.images.reasons.explain_error` says what is wrong with it.
    """
    return _trace_reading(replace(spec, class_names=("any", "other")))


@lru_cache(maxsize=8)  # tracing takes a second, and the names of the classes change nothing
def _trace_reading(spec: ImageSpec) -> Any:
    function = tf.function(
        lambda file: read_image(file, spec),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )
    # A `tf.function` would be traced again by each caller, and saved as often.
    return function.get_concrete_function()


def make_serving_functions(
    probabilities: Callable[[tf.Tensor], tf.Tensor],
    read: Callable[[tf.Tensor], tf.Tensor],
    spec: ImageSpec,
) -> dict[str, Any]:
    """Make the `tf.function`s of a bundle's signatures, by name.

    Each takes a batch of any size and returns, by name, `probabilities` (batch, classes) float32,
    `class_index` (batch,) int64 and `class_name` (batch,) string. Row i is for input i, column c
    for class c of the spec. One bad file, or pixels of another size, fails the whole batch with an
    InvalidArgumentError that says what is wrong.

    Args:
        probabilities: as `make_probabilities_function` makes it.
        read: as `make_read_function` makes it.
        spec: of the images and classes.
    """
    strings = tf.TensorSpec([None], tf.string)
    pixels = tf.TensorSpec([None, *spec.shape], tf.uint8)

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = probabilities(tf.ensure_shape(images, [None, *spec.shape]))
        index = tf.argmax(rows, axis=1, output_type=tf.int64)
        names = tf.gather(tf.constant(spec.class_names), index)
        return {PROBABILITIES: rows, CLASS_INDEX: index, CLASS_NAME: names}

    def files(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        one = tf.TensorSpec(spec.shape, tf.uint8)
        return answer(tf.map_fn(read, image_bytes, fn_output_signature=one))

    def examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(parse_images(examples, read, spec))

    return {
        name: tf.function(
            function,
            input_signature=[tf.TensorSpec(kind.shape, kind.dtype, SIGNATURES[name])],
            autograph=False,
        )
        for name, function, kind in (
            (ENCODED, files, strings),
            (IMAGES, lambda images: answer(images), pixels),
            (EXAMPLES, examples, strings),
        )
    }


def parse_images(
    serialized: tf.Tensor, read: Callable[[tf.Tensor], tf.Tensor], spec: ImageSpec
) -> tf.Tensor:
    """Parse a batch of tf.Examples of either store, also of both.

    Args:
        serialized: (batch,) string. The feature `image` of a record has raw pixels, or where the
            record has the feature `format` an image file. Other features, such as the label, are
            ignored.
        read: as `make_read_function` makes it.
        spec: of the images.

    Returns:
        (batch, height, width, channels) uint8.
    """
    features = tf.io.parse_example(
        serialized,
        {
            IMAGE: tf.io.FixedLenFeature([], tf.string),
            FORMAT: tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
    )
    contents, is_raw = features[IMAGE], features[FORMAT] == ""

    def reshape_all() -> tf.Tensor:
        pixels = tf.io.decode_raw(contents, tf.uint8)
        # The batch size is given, not inferred, so that images of another size cannot pass.
        return tf.reshape(pixels, [tf.shape(serialized)[0], *spec.shape])

    def read_each() -> tf.Tensor:
        return tf.map_fn(
            lambda record: tf.cond(
                record[1],
                lambda: tf.reshape(tf.io.decode_raw(record[0], tf.uint8), spec.shape),
                lambda: read(record[0]),
            ),
            (contents, is_raw),
            fn_output_signature=tf.TensorSpec(spec.shape, tf.uint8),
        )

    return tf.cond(tf.reduce_all(is_raw), reshape_all, read_each)
