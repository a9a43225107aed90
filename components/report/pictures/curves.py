"""Learning curves: every metric of a history over the epochs, train beside validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from components.report.metric_series import metrics
from components.report.pictures.canvas import MARGIN, PLAIN, blank, panel, sheet, write
from components.report.pictures.predictions import TRUE, WRONG

_PLOT = (430, 260)  # pixels
_SPACE = (70, 84)  # left of a plot, and for heading and numbers above and below it


def learning_curves(history: Mapping[str, Any]) -> Axes | None:
    """A plot for each metric; None where the history has none.

    Args:
        history: as `components.report.metric_series.metrics` takes it.
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
