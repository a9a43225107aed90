"""A SavedModel that Penstock did not write, made to answer as ours do. For a child process only.

A SavedModel is a program: whoever loads one runs it.
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
from serving_export.bundle.signatures import parse_images


def adapt(folder: Path, spec: ImageSpec, output: Path) -> Path:
    """Write a SavedModel with the signature `examples` around one that takes images or examples.

    Args:
        folder: the SavedModel.
        spec: of the images that it will be asked about.
        output: the folder to write; must not exist.

    Raises:
        BadDataError: it cannot be loaded, or has no signature that can be asked.
    """
    try:
        saved = tf.saved_model.load(str(folder))
    except Exception as error:  # whatever TensorFlow raises for what is no SavedModel
        raise BadDataError(
            f"{folder} cannot be loaded", expected="a SavedModel", got=summarize_error(error)
        ) from error
    for name, signature in saved.signatures.items():
        found = _answers(signature, spec)
        if found:
            module = tf.Module()
            module.saved = saved
            tf.saved_model.save(module, str(output), signatures={EXAMPLES: found})
            return output
        seen = f"{name}: {signature.structured_input_signature[1]}"
    raise BadDataError(
        f"{folder} has no signature that can be asked about these images",
        expected=f"one that takes serialized tf.Examples, or uint8 images of shape {spec.shape}, "
        f"and gives {spec.num_classes} probabilities for each",
        got=seen if saved.signatures else "no signature",
        remedy="export the model with such a signature",
    )


def load_adapted(folder: Path) -> Callable[[str, Any], dict[str, np.ndarray]]:
    """What `adapt` wrote, to be asked as a bundle is: by a signature's name and its batch."""
    saved = tf.saved_model.load(str(folder))

    def ask(signature: str, batch: Any) -> dict[str, np.ndarray]:
        answer = saved.signatures[signature](tf.constant(batch))
        return {name: tensor.numpy() for name, tensor in answer.items()}

    return ask


def _answers(signature: Any, spec: ImageSpec) -> Any | None:
    """A function of serialized tf.Examples, (n,) string; None where the signature takes others."""
    (_, inputs), outputs = signature.structured_input_signature, signature.structured_outputs
    if len(inputs) != 1:
        return None
    ((name, wanted),) = inputs.items()
    fitting = [
        key
        for key, tensor in outputs.items()
        if tensor.dtype.is_floating and tensor.shape.is_compatible_with([None, spec.num_classes])
    ]
    chosen = (
        PROBABILITIES if PROBABILITIES in fitting else fitting[0] if len(fitting) == 1 else None
    )
    images = wanted.dtype == tf.uint8 and wanted.shape.is_compatible_with([None, *spec.shape])
    examples = wanted.dtype == tf.string and name == EXAMPLES
    if chosen is None or not (images or examples):
        return None

    def answer(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        given = parse_images(examples, spec) if images else examples
        return {PROBABILITIES: tf.cast(signature(**{name: given})[chosen], tf.float32)}

    strings = tf.TensorSpec([None], tf.string, EXAMPLES)
    return tf.function(answer, input_signature=[strings], autograph=False)
