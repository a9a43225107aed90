"""Collect the values of each metric from the history of a training, to be drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_VALIDATION = "val_"  # Keras's prefix
_NOT_METRICS = {"learning_rate", "seconds"}  # lists in a history that are no metrics
_FIRST = ("loss", "accuracy")
_MOST = 12  # metrics


def collect_metrics(history: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Return name → (values per epoch of train, of validation); loss and accuracy come first.

    Args:
        history: name → a number or None per epoch; names of validation metrics begin with val_.
            Entries that are no lists of numbers are ignored.
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
    """Whether the entry is a list of numbers and None, with at least one number."""
    if not isinstance(values, list):
        return False
    numbers = [value for value in values if value is not None]
    return bool(numbers) and all(isinstance(value, int | float) for value in numbers)
