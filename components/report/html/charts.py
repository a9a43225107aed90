"""Compute coordinates of learning curves and the reliability curve, drawn as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from components.report.html.number_formats import shorten_count
from components.report.metric_series import collect_metrics

WIDTH, HEIGHT = 420, 264  # of a plot, in SVG units; a unit is about a pixel
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 40  # margins, with room for numbers
COUNTS = 78  # height of the bars below the reliability curve
_TICKS = 5  # about this many on an axis
_LEAST = 1e-9  # smallest range of an axis, as a share of its values
_DOTS = 30  # with more points a line has no dots


class Line(NamedTuple):
    """A line of a plot."""

    label: str
    look: str  # a class of style.css: "first" or "second"
    path: str  # of an SVG path; a missing value leaves a gap
    dots: list[tuple[float, float]]


class Tick(NamedTuple):
    """A labelled position on an axis."""

    at: float
    text: str


class Bar(NamedTuple):
    """A bar with a number above it."""

    left: float
    top: float
    width: float
    height: float
    text: str


class Plot(NamedTuple):
    """A plot; `described` is its text for screen readers."""

    title: str
    described: str
    across: str  # what the x axis counts
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    bars: Sequence[Bar] = ()
    height: int = HEIGHT
    diagonal: str = ""  # an SVG path


def plot_learning_curves(history: Mapping[str, Any] | None) -> list[Plot]:
    """Plot each metric of a history: train and, if there is one, validation."""
    return [_plot_metric(name, *series) for name, series in collect_metrics(history or {}).items()]


def plot_reliability(
    calibration: Mapping[str, Sequence[Mapping[str, Any]] | None],
) -> Plot:
    """Plot the share of right answers against the confidence; bars count the images of each bin.

    Args:
        calibration: from a verdict: the bins of the candidate, and of the baseline or None.
    """
    x, y = _make_scale(0, 1, LEFT, WIDTH - RIGHT), _make_scale(0, 1, HEIGHT - BOTTOM, TOP)
    lines = []
    for model, look in (("candidate", "first"), ("baseline", "second")):
        bins = [b for b in calibration[model] or () if b["examples"]]
        points = [(b["confidence"], b["accuracy"]) for b in bins]
        if bins:
            lines.append(_make_line(model, look, points, x, y))
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    return Plot(
        title="Reliability",
        described="Share of right answers against confidence; a calibrated model follows the "
        "diagonal. The bars are images of each bin. The table below has the numbers.",
        across="confidence: the probability of the predicted class",
        x_ticks=[Tick(x(value), f"{value:g}") for value in ticks],
        y_ticks=[Tick(y(value), f"{value:g}") for value in ticks],
        lines=lines,
        bars=_make_count_bars(calibration["candidate"] or (), x),
        height=HEIGHT + COUNTS,
        diagonal=f"M{x(0)} {y(0)}L{x(1)} {y(1)}",
    )


def _make_count_bars(bins: Sequence[Mapping[str, Any]], x: Callable[[float], float]) -> list[Bar]:
    """Make the bars below the curve, on a log scale: nearly all images lie in the last bin."""
    most = max((math.log1p(b["examples"]) for b in bins), default=0) or 1
    longest = COUNTS - 22  # the rest is for the number above a bar
    bars = []
    for bin_ in bins:
        left, right = x(bin_["low"]) + 1, x(bin_["high"]) - 1
        height = round(longest * math.log1p(bin_["examples"]) / most, 1)
        text = shorten_count(bin_["examples"]) if bin_["examples"] else ""
        width = round(right - left, 1)
        bars.append(
            Bar(round(left, 1), round(HEIGHT + COUNTS - 4 - height, 1), width, height, text)
        )
    return bars


def _plot_metric(name: str, train: Sequence[float], validation: Sequence[float]) -> Plot:
    values = [value for value in (*train, *validation) if math.isfinite(value)]
    epochs = max(len(train), len(validation))
    y_values = _choose_ticks(min(values, default=0.0), max(values, default=1.0))
    x_values = sorted(
        {round(v) for v in _choose_ticks(1, max(epochs, 2)) if 1 <= v <= max(epochs, 2)} | {1}
    )
    x = _make_scale(1, max(epochs, 2), LEFT + 8, WIDTH - RIGHT - 8)
    y = _make_scale(y_values[0], y_values[-1], HEIGHT - BOTTOM, TOP)
    series = (("train", "second", train), ("validation", "first", validation))
    last = "; ".join(f"{label} ends at {values[-1]:.4g}" for label, _, values in series if values)
    return Plot(
        title=name,
        described=f"{name} over {epochs} epochs: {last}",
        across="epoch",
        x_ticks=[Tick(x(value), f"{value:g}") for value in x_values],
        y_ticks=[Tick(y(value), f"{value:.6g}") for value in y_values],
        lines=[
            _make_line(label, look, list(enumerate(values, start=1)), x, y)
            for label, look, values in series
            if values
        ],
    )


def _make_line(
    label: str,
    look: str,
    points: Sequence[tuple[float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> Line:
    path, pen = [], "M"
    for across, up in points:
        if math.isfinite(up):
            path.append(f"{pen}{x(across)} {y(up)}")
        pen = "L" if math.isfinite(up) else "M"
    few = len(points) <= _DOTS
    dots = [(x(across), y(up)) for across, up in points if few and math.isfinite(up)]
    return Line(label, look, "".join(path), dots)


def _make_scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Make a function from values to coordinates."""
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 1)


def _choose_ticks(low: float, high: float) -> list[float]:
    """Choose round, evenly spaced numbers from at most `low` to at least `high`."""
    span = max(high - low, _LEAST * max(abs(low), abs(high), 1))
    size = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(size * m for m in (1, 2, 5, 10) if span / (size * m) <= _TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    last += first == last
    return [round(i * step, 12) for i in range(first, last + 1)]
