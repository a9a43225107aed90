"""Draw learning curves: every metric of a history over the epochs, train and validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from components.report.metric_series import collect_metrics
from components.report.pictures.canvas import (
    MARGIN,
    PLAIN,
    add_panel,
    make_paper,
    make_sheet,
    write,
)
from components.report.pictures.predictions import TRUE, WRONG

_PLOT = (430, 260)  # pixels
_SPACE = (70, 84)  # pixels left of a plot, and above and below it for heading and numbers


def draw_learning_curves(history: Mapping[str, Any]) -> Axes | None:
    """Draw a plot for each metric; None if the history has no metric.

    Args:
        history: see `metric_series.collect_metrics`.
    """
    metrics = collect_metrics(history)
    if not metrics:
        return None
    columns, rows = min(2, len(metrics)), -(-len(metrics) // 2)
    across, down = (size + space for size, space in zip(_PLOT, _SPACE, strict=True))
    axes = make_sheet(make_paper(columns * across + MARGIN, rows * down + MARGIN))
    for i, (name, (train, validation)) in enumerate(metrics.items()):
        left, top = i % 2 * across + _SPACE[0], i // 2 * down + MARGIN + 20
        write(axes, left + _PLOT[0] / 2, top - 10, "{}", name, width=_PLOT[0], size=11, ha="center")
        _plot(add_panel(axes, left, top, *_PLOT), train, validation)
    return axes


def _plot(plot: Axes, train: list[float], validation: list[float]) -> None:
    for values, label, colour, marker in (
        (train, "train", TRUE, "o"),
        (validation, "validation", WRONG, "s"),
    ):
        if values:
            every = max(1, len(values) // 20)  # at most 20 markers; a single epoch is one marker
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
