"""The tutorials' network: Flatten, Dense relu, Dropout if asked, Dense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from data.errors import ConfigError, did_you_mean
from data.spec import ImageSpec

_DEFAULTS = {"units": 128, "dropout": 0.0}


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """(batch, height, width, channels) float32 -> (batch, classes) float32 logits.

    Options: units (int, hidden width, default 128), dropout (0 <= float < 1, default 0).

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    for name in options:
        if name not in _DEFAULTS:
            raise ConfigError(
                f"the model 'dense' has no option {name!r}", remedy=did_you_mean(name, _DEFAULTS)
            )
    units, dropout = ({**_DEFAULTS, **options}[name] for name in ("units", "dropout"))
    if not (isinstance(units, int) and units >= 1 and 0 <= dropout < 1):
        raise ConfigError(
            "the options of the model 'dense' are out of range",
            expected="units >= 1, 0 <= dropout < 1",
            got=f"units={units!r}, dropout={dropout!r}",
        )
    layers: list[keras.Layer] = [
        keras.Input(spec.shape),
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential([*layers, keras.layers.Dense(spec.num_classes)], name="dense")
