"""Adapt a SavedModel that Penstock did not write to the signature `examples`.

Use this in a child process only: a SavedModel is a program, and loading it runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.errors import BadDataError, summarize_error
from data.spec import ImageSpec
from serving_export.bundle.manifest import EXAMPLES, PROBABILITIES
from serving_export.bundle.signatures import make_read_function, parse_images


def adapt(folder: Path, spec: ImageSpec, output: Path) -> Path:
    """Wrap a SavedModel that takes images or examples, and save it with the signature `examples`.

    Args:
        folder: the SavedModel.
        spec: of the images that it will be evaluated on.
        output: the folder to write; must not exist.

    Raises:
        BadDataError: it cannot be loaded, or has no signature that fits the images.
    """
    try:
        saved = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises many kinds for a folder that is no SavedModel
        raise BadDataError(
            f"{folder} cannot be loaded",
            expected="a SavedModel",
            got=summarize_error(error),
            remedy="name a folder with a saved_model.pb that TensorFlow can load",
        ) from error
    for name, signature in saved.signatures.items():
        function = _adapt_signature(signature, spec)
        if function:
            module = tf.Module()
            module.saved = saved
            tf.saved_model.save(module, str(output), signatures={EXAMPLES: function})
            return output
        inputs = f"{name}: {signature.structured_input_signature[1]}"
    raise BadDataError(
        f"{folder} has no signature that fits these images",
        expected="a signature that takes serialized tf.Examples, or uint8 images of shape "
        f"{spec.shape}, and gives {spec.num_classes} probabilities for each",
        got=inputs if saved.signatures else "no signature",
        remedy="export the model with such a signature",
    )


def load_adapted(folder: Path) -> Callable[[str, Any], dict[str, np.ndarray]]:
    """Load what `adapt` wrote, as a function of a signature's name and a batch, like a bundle."""
    saved = tf.saved_model.load(str(folder))

    def ask(signature: str, batch: Any) -> dict[str, np.ndarray]:
        answer = saved.signatures[signature](tf.constant(batch))
        return {name: tensor.numpy() for name, tensor in answer.items()}

    return ask


def _adapt_signature(signature: Any, spec: ImageSpec) -> Any | None:
    """Make a function of serialized tf.Examples, (n,) string; None if no signature fits."""
    (_, inputs), outputs = signature.structured_input_signature, signature.structured_outputs
    if len(inputs) != 1:
        return None
    ((name, tensor_spec),) = inputs.items()
    fitting = [
        key
        for key, tensor in outputs.items()
        if tensor.dtype.is_floating and tensor.shape.is_compatible_with([None, spec.num_classes])
    ]
    chosen = (
        PROBABILITIES if PROBABILITIES in fitting else fitting[0] if len(fitting) == 1 else None
    )
    images = tensor_spec.dtype == tf.uint8 and tensor_spec.shape.is_compatible_with(
        [None, *spec.shape]
    )
    examples = tensor_spec.dtype == tf.string and name == EXAMPLES
    if chosen is None or not (images or examples):
        return None

    read = make_read_function(spec)

    def answer(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = parse_images(examples, read, spec) if images else examples
        return {PROBABILITIES: tf.cast(signature(**{name: batch})[chosen], tf.float32)}

    strings = tf.TensorSpec([None], tf.string, EXAMPLES)
    return tf.function(answer, input_signature=[strings], autograph=False)
