"""The tutorials' network: Flatten, Dense relu, Dropout if asked, Dense, softmax if asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.models.options import dense as checked
from data.spec import ImageSpec


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """(batch, height, width, channels) float32 -> (batch, classes) float32, by default logits.

    Raises:
        ConfigError: an option that `options.dense` refuses.
    """
    units, dropout, softmax = checked(options).values()
    layers: list[keras.Layer] = [
        keras.Input(spec.shape),
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    # float32 under any policy: a softmax over float16 loses what the loss needs
    last = keras.layers.Dense(
        spec.num_classes, activation="softmax" if softmax else None, dtype="float32"
    )
    return keras.Sequential([*layers, last], name="dense")
