"""Find properties of a Keras model that are allowed and are usually mistakes."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

_TINY = 0.05  # largest pixel of images that were scaled twice


def find_suspicions(
    model: keras.Model, inputs: np.ndarray, output: np.ndarray, model_output: str
) -> Iterator[str]:
    """Yield a warning for each suspicious property.

    Args:
        model: a built model.
        inputs: noise of 0 to 255 after the transform.
        output: (n, classes) float32, the output of the model for the inputs.
        model_output: as `train.model_output`.
    """
    is_share = bool((output >= 0).all() and (output <= 1).all() and output.any())
    if model_output == "logits" and is_share:
        yield (
            f"all outputs of the model lie between 0 and 1 ({output.min():.3g} to "
            f"{output.max():.3g}), and train.model_output says logits: if its last layer ends in "
            "a sigmoid, remove it, or no class can reach a probability near 1"
        )
    if not model.trainable_variables:
        yield "the model cannot be trained: no layer has trainable weights"
    largest = float(np.abs(inputs.astype(np.float64)).max(initial=0.0))
    for layer in _walk_layers(model):
        if not isinstance(layer, keras.layers.Rescaling):
            continue
        scale = float(np.max(np.abs(np.asarray(layer.scale, np.float64))))
        if scale < 1 and largest * scale < _TINY:
            yield (
                f"the images are scaled twice: the preprocessing_fn returns values up to "
                f"{largest:.3g}, and the model's layer {layer.name!r} multiplies them by "
                f"{scale:.3g}: remove one of the two"
            )


def _walk_layers(model: keras.Layer) -> Iterator[keras.Layer]:
    for layer in getattr(model, "layers", []):
        yield layer
        yield from _walk_layers(layer)
