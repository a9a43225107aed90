"""The model and its preprocessing."""

from collections.abc import Mapping
from typing import Any

import keras

from data.spec import ImageSpec


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scale images to -1…1: (batch, height, width, channels) float32, 0-255 before."""
    return {"image": inputs["image"] / 127.5 - 1.0, "label": inputs["label"]}


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """Build a small convolutional network that gives logits, one for each class."""
    return keras.Sequential(
        [
            keras.Input(spec.shape),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(spec.num_classes),
        ]
    )
