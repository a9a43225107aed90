"""What Keras counts with unless it is told otherwise: as it ships, whatever `keras.json` says.

Keras 3 and Keras 2 (which TensorFlow Model Analysis imports) read `~/.keras/keras.json` and some
environment variables once, as they are imported. Weights and convolutions depend on them, and no
fingerprint looks at them.
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
    """Set what a Keras that was just imported has read from elsewhere."""
    for place, name, wanted in _settings(keras):
        getattr(place, f"set_{name}")(wanted)


def refuse_other_keras() -> None:
    """Look at a Keras that the process has imported already.

    Raises:
        ConfigError: it has another backend or another setting, on which results depend.
    """
    keras = sys.modules.get("keras")
    if not hasattr(keras, "config"):  # not imported, or a stand-in of a test
        return
    assert keras is not None
    if (backend := keras.config.backend()) != BACKEND:
        raise _refused("backend", BACKEND, backend, f"KERAS_BACKEND={BACKEND} in the environment")
    for _, name, wanted in _settings(keras):
        if (got := getattr(keras.config, name)()) != wanted:
            raise _refused(name, wanted, got, f"keras.config.set_{name}({wanted!r})")


def _settings(keras: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    """What has the setter, the setting's name, its value."""
    for name, wanted in _BOTH.items():
        yield keras.backend, name, wanted
    if hasattr(keras, "config"):
        for name, nothing in _KERAS_3.items():
            yield keras.config, name, nothing


def _refused(name: str, wanted: Any, got: Any, how: str) -> ConfigError:
    once = "start Python again" if name == "backend" else "run again"
    return ConfigError(
        f"Keras was imported before with another {name}, on which results depend",
        expected=f"{name} {wanted!r}",
        got=f"{got!r}, from keras.json, the environment or the program",
        follows="nothing ran",
        remedy=f"{how}, then {once}; or let Penstock be the first that imports Keras",
    )
