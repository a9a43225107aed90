"""Learning curves: every metric of a history over the epochs, train beside validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from components.pictures.canvas import MARGIN, PLAIN, blank, panel, sheet, write
from components.pictures.predictions import TRUE, WRONG

_VALIDATION = "val_"  # Keras's prefix
_NOT_METRICS = {"learning_rate", "seconds"}  # lists of a history that say how, not how well
_FIRST = ("loss", "accuracy")
_MOST = 12  # metrics
_PLOT = (430, 260)  # pixels
_SPACE = (70, 84)  # left of a plot, and for heading and numbers above and below it


def learning_curves(history: Mapping[str, Any]) -> Axes | None:
    """A plot for each metric; None where the history has none.

    Args:
        history: name → a number per epoch, None where there was none; a validation metric's name
            begins with val_. What is no list of numbers is passed over.
    """
    found = metrics(history)
    if not found:
        return None
    columns, rows = min(2, len(found)), -(-len(found) // 2)
    across, down = (size + space for size, space in zip(_PLOT, _SPACE, strict=True))
    axes = sheet(blank(columns * across + MARGIN, rows * down + MARGIN))
    for i, (name, (train, validation)) in enumerate(found.items()):
        left, top = i % 2 * across + _SPACE[0], i // 2 * down + MARGIN + 20
        write(axes, left + _PLOT[0] / 2, top - 10, "{}", name, width=_PLOT[0], size=11, ha="center")
        _plot(panel(axes, left, top, *_PLOT), train, validation)
    return axes


def metrics(history: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Name → a number per epoch of train and of validation; loss and accuracy come first."""
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


def _plot(plot: Axes, train: list[float], validation: list[float]) -> None:
    for values, label, colour, marker in (
        (train, "train", TRUE, "o"),
        (validation, "validation", WRONG, "s"),
    ):
        if values:
            every = max(1, len(values) // 20)  # markers; the one of a single epoch is all there is
            epochs = range(1, len(values) + 1)
            plot.plot(
                epochs, values, color=colour, marker=marker, ms=4, markevery=every, label=label
            )
    plot.legend(fontsize=9, frameon=False)
    plot.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plot.set_xlabel("epoch", fontsize=9, **PLAIN)
    plot.tick_params(labelsize=9)
    plot.grid(alpha=0.3)
    plot.spines[["top", "right"]].set_visible(False)
