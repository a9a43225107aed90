"""The tutorials' network: Flatten, Dense relu, Dropout if asked, Dense, softmax if asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from data.errors import ConfigError, did_you_mean
from data.spec import ImageSpec

_DEFAULTS = {"units": 128, "dropout": 0.0, "softmax": False}


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """(batch, height, width, channels) float32 -> (batch, classes) float32, by default logits.

    Options: units (int, hidden width, default 128), dropout (0 <= float < 1, default 0), softmax
    (bool, whether the last layer gives probabilities, default false).

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    for name in options:
        if name not in _DEFAULTS:
            raise ConfigError(
                f"the model 'dense' has no option {name!r}", remedy=did_you_mean(name, _DEFAULTS)
            )
    units, dropout, softmax = ({**_DEFAULTS, **options}[name] for name in _DEFAULTS)
    if not (
        isinstance(units, int) and units >= 1 and 0 <= dropout < 1 and softmax in (True, False)
    ):
        raise ConfigError(
            "the options of the model 'dense' are out of range",
            expected="units >= 1, 0 <= dropout < 1, softmax true or false",
            got=f"units={units!r}, dropout={dropout!r}, softmax={softmax!r}",
        )
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
