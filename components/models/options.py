"""The options of the models that come with Penstock, checked without Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from data.errors import ConfigError, suggest_names

DENSE = {"units": 128, "dropout": 0.0, "softmax": False}
FROM_SCRATCH = {"units": 512}


def dense(options: Mapping[str, Any]) -> dict[str, Any]:
    """Units (int, hidden width, default 128), dropout (0 <= float < 1, default 0), softmax (bool,
    whether the last layer gives probabilities, default false), with the defaults filled in.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    found = _filled("dense", DENSE, options)
    dropout, softmax = found["dropout"], found["softmax"]
    is_number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
    fits = _is_width(found["units"]) and is_number and 0 <= dropout < 1
    if not (fits and isinstance(softmax, bool)):
        _refuse("dense", "units >= 1, 0 <= dropout < 1, softmax true or false", found)
    return found


def from_scratch(options: Mapping[str, Any]) -> dict[str, Any]:
    """Units (int, hidden width, default 512), with the default filled in.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    found = _filled("from_scratch", FROM_SCRATCH, options)
    if not _is_width(found["units"]):
        _refuse("from_scratch", "units >= 1", found)
    return found


# by the import path of the function that is given them
CHECKS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "components.models.dense:build_model": dense,
    "components.train.from_scratch_fit:train_fn": from_scratch,
}


def _filled(model: str, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in defaults:
            raise ConfigError(
                f"the model {model!r} has no option {name!r}", remedy=suggest_names(name, defaults)
            )
    return {**defaults, **options}


def _is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _refuse(model: str, expected: str, found: Mapping[str, Any]) -> None:
    raise ConfigError(
        f"the options of the model {model!r} are out of range",
        expected=expected,
        got=", ".join(f"{name}={value!r}" for name, value in found.items()),
    )
