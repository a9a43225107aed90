"""Build the network of the tutorials: Flatten, Dense relu, optional Dropout, Dense, softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.models.options import check_dense_options
from data.spec import ImageSpec


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """Build a model (batch, height, width, channels) float32 -> (batch, classes) float32.

    The output is logits, or probabilities with the option `softmax`.

    Raises:
        ConfigError: an option that `check_dense_options` refuses.
    """
    units, dropout, softmax = check_dense_options(options).values()
    layers: list[keras.Layer] = [
        keras.Input(spec.shape),
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    # float32 under any policy: a softmax in float16 is too imprecise for the loss
    last = keras.layers.Dense(
        spec.num_classes, activation="softmax" if softmax else None, dtype="float32"
    )
    return keras.Sequential([*layers, last], name="dense")
