"""What is allowed in a Keras model and is seldom meant: said once, before it is trained."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

_TINY = 0.05  # what images are no larger than once they were scaled twice


def find_suspicions(
    model: keras.Model, seen: np.ndarray, output: np.ndarray, model_output: str
) -> Iterator[str]:
    """Words for each.

    Args:
        model: built.
        seen: noise of 0 to 255 as the transform gives it to the model.
        output: (n, classes) float32, what the model gives for it.
        model_output: as `train.model_output`.
    """
    inside = bool((output >= 0).all() and (output <= 1).all() and output.any())
    if model_output == "logits" and inside:
        yield (
            f"all outputs of the model lie between 0 and 1 ({output.min():.3g} to "
            f"{output.max():.3g}), and train.model_output says logits: if its last layer ends in "
            "a sigmoid, take it off, or no class can come near a probability of 1"
        )
    if not model.trainable_variables:
        yield "the model has nothing to train: no layer has weights that are trainable"
    largest = float(np.abs(seen.astype(np.float64)).max(initial=0.0))
    for layer in _layers(model):
        if not isinstance(layer, keras.layers.Rescaling):
            continue
        scale = float(np.max(np.abs(np.asarray(layer.scale, np.float64))))
        if scale < 1 and largest * scale < _TINY:
            yield (
                f"the images are scaled twice: the preprocessing_fn gives values up to "
                f"{largest:.3g}, and the model's layer {layer.name!r} multiplies them by "
                f"{scale:.3g}: leave one of the two out"
            )


def _layers(model: keras.Layer) -> Iterator[keras.Layer]:
    for layer in getattr(model, "layers", []):
        yield layer
        yield from _layers(layer)
