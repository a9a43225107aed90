"""Set Keras to its own defaults, whatever `keras.json` and the environment say.

Keras 3 and Keras 2 (which TensorFlow Model Analysis imports) read `~/.keras/keras.json` and some
environment variables once, when they are imported. Weights and convolutions depend on these
settings, and no fingerprint covers them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from data.errors import ConfigError

BACKEND = "tensorflow"
_BOTH = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
_KERAS_3 = {"max_epochs": None, "max_steps_per_epoch": None}


def set_keras(keras: ModuleType) -> None:
    """Set the defaults of a Keras module that was just imported."""
    for module, name, value in _list_settings(keras):
        getattr(module, f"set_{name}")(value)


def refuse_other_keras() -> None:
    """Check the settings of a Keras module that the process has imported already.

    Raises:
        ConfigError: it has another backend or another setting that results depend on.
    """
    keras = sys.modules.get("keras")
    if not hasattr(keras, "config"):  # not imported, or a test double
        return
    assert keras is not None
    if (backend := keras.config.backend()) != BACKEND:
        remedy = f"set KERAS_BACKEND={BACKEND} in the environment"
        raise _setting_error("backend", BACKEND, backend, remedy)
    for _, name, value in _list_settings(keras):
        if (got := getattr(keras.config, name)()) != value:
            raise _setting_error(name, value, got, f"call keras.config.set_{name}({value!r})")


def _list_settings(keras: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    """Yield the module that has the setter, the name of the setting, and its default."""
    for name, value in _BOTH.items():
        yield keras.backend, name, value
    if hasattr(keras, "config"):
        for name, no_limit in _KERAS_3.items():
            yield keras.config, name, no_limit


def _setting_error(name: str, expected: Any, got: Any, remedy: str) -> ConfigError:
    then = "start Python again" if name == "backend" else "run again"
    return ConfigError(
        f"Keras is already imported with another {name}, and results depend on it",
        expected=f"{name} {expected!r}",
        got=f"{got!r}, from keras.json, the environment or the program",
        follows="nothing ran",
        remedy=f"{remedy}, then {then}; or import Penstock before Keras",
    )
