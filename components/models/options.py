"""Check the options of the models that come with Penstock, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from data.errors import ConfigError, suggest_names

DENSE = {"units": 128, "dropout": 0.0, "softmax": False}
FROM_SCRATCH = {"units": 512}


def check_dense_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of the dense model, and fill in the defaults.

    units: int, width of the hidden layer, default 128.
    dropout: 0 <= float < 1, default 0.
    softmax: bool, whether the last layer gives probabilities, default false.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    filled = _fill_in("dense", DENSE, options)
    dropout, softmax = filled["dropout"], filled["softmax"]
    is_number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
    fits = _is_width(filled["units"]) and is_number and 0 <= dropout < 1
    if not (fits and isinstance(softmax, bool)):
        _refuse("dense", "units >= 1, 0 <= dropout < 1, softmax true or false", filled)
    return filled


def check_from_scratch_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of the from-scratch model, and fill in the defaults.

    units: int, width of the hidden layer, default 512.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    filled = _fill_in("from_scratch", FROM_SCRATCH, options)
    if not _is_width(filled["units"]):
        _refuse("from_scratch", "units >= 1", filled)
    return filled


# import path of the function that takes the options → their check
CHECKS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "components.models.dense:build_model": check_dense_options,
    "components.train.from_scratch_fit:train_fn": check_from_scratch_options,
}


def _fill_in(model: str, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in defaults:
            raise ConfigError(
                f"the model {model!r} has no option {name!r}", remedy=suggest_names(name, defaults)
            )
    return {**defaults, **options}


def _is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _refuse(model: str, expected: str, options: Mapping[str, Any]) -> None:
    raise ConfigError(
        f"the options of the model {model!r} are out of range",
        expected=expected,
        got=", ".join(f"{name}={value!r}" for name, value in options.items()),
        remedy="--set train.model_options.NAME=VALUE in this range",
    )
