"""What a training's history says of each metric, without a library to draw it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_VALIDATION = "val_"  # Keras's prefix
_NOT_METRICS = {"learning_rate", "seconds"}  # lists of a history that say how, not how well
_FIRST = ("loss", "accuracy")
_MOST = 12  # metrics


def metrics(history: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Name → a number per epoch of train and of validation; loss and accuracy come first.

    Args:
        history: name → a number per epoch, None where there was none; a validation metric's name
            begins with val_. What is no list of numbers is passed over.
    """
    numbers = {
        name: [math.nan if value is None else float(value) for value in values]
        for name, values in history.items()
        if name not in _NOT_METRICS and _is_series(values)
    }
    names = dict.fromkeys((*_FIRST, *(name.removeprefix(_VALIDATION) for name in numbers)))
    pairs = {name: (numbers.get(name, []), numbers.get(_VALIDATION + name, [])) for name in names}
    return dict([(name, pair) for name, pair in pairs.items() if any(pair)][:_MOST])


def _is_series(values: Any) -> bool:
    """Whether it is a list of numbers and None, with one number at least."""
    if not isinstance(values, list):
        return False
    numbers = [value for value in values if value is not None]
    return bool(numbers) and all(isinstance(value, int | float) for value in numbers)
