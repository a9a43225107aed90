"""Learning curves and the reliability curve, as coordinates that the template draws as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from components.report.html.number_formats import short
from components.report.metric_series import metrics

WIDTH, HEIGHT = 420, 264  # of a plot, in SVG units; a unit is about a pixel
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 40  # margins: room for numbers
COUNTS = 78  # height of the bars below the reliability curve
_TICKS = 5  # about so many on an axis
_LEAST = 1e-9  # of the values: what an axis spans at least
_DOTS = 30  # points of a line that are marked one by one


class Line(NamedTuple):
    label: str
    look: str  # a class of style.css: "first" or "second"
    path: str  # of an SVG path; a value that is missing leaves a gap
    dots: list[tuple[float, float]]


class Tick(NamedTuple):
    at: float
    text: str


class Bar(NamedTuple):
    left: float
    top: float
    width: float
    height: float
    text: str


class Plot(NamedTuple):
    """`described` says in words what a reader sees."""

    title: str
    described: str
    across: str  # what the x axis counts
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    bars: Sequence[Bar] = ()
    height: int = HEIGHT
    diagonal: str = ""  # an SVG path


def learning_curves(history: Mapping[str, Any] | None) -> list[Plot]:
    """A plot for each metric of a history: train and, where there is one, validation."""
    return [_learning(name, *found) for name, found in metrics(history or {}).items()]


def reliability(
    calibration: Mapping[str, Sequence[Mapping[str, Any]] | None],
) -> Plot:
    """How often the model is right when it says how sure it is; below, on how many images.

    Args:
        calibration: of a verdict: bins of the candidate, and of the baseline or None.
    """
    x, y = _scale(0, 1, LEFT, WIDTH - RIGHT), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    lines = []
    for model, look in (("candidate", "first"), ("baseline", "second")):
        bins = [b for b in calibration[model] or () if b["examples"]]
        points = [(b["confidence"], b["accuracy"]) for b in bins]
        if bins:
            lines.append(_line(model, look, points, x, y))
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    return Plot(
        title="Reliability",
        described="Share of right answers against confidence; a calibrated model follows the "
        "diagonal. The bars are images of each bin. The table below has the numbers.",
        across="confidence: the probability of the predicted class",
        x_ticks=[Tick(x(value), f"{value:g}") for value in ticks],
        y_ticks=[Tick(y(value), f"{value:g}") for value in ticks],
        lines=lines,
        bars=_counts(calibration["candidate"] or (), x),
        height=HEIGHT + COUNTS,
        diagonal=f"M{x(0)} {y(0)}L{x(1)} {y(1)}",
    )


def _counts(bins: Sequence[Mapping[str, Any]], x: Callable[[float], float]) -> list[Bar]:
    """Bars below the curve, by the logarithm: nearly all images lie in the last bin."""
    most = max((math.log1p(b["examples"]) for b in bins), default=0) or 1
    room = COUNTS - 22  # the rest is for the number above a bar
    bars = []
    for found in bins:
        left, right = x(found["low"]) + 1, x(found["high"]) - 1
        height = round(room * math.log1p(found["examples"]) / most, 1)
        text = short(found["examples"]) if found["examples"] else ""
        width = round(right - left, 1)
        bars.append(
            Bar(round(left, 1), round(HEIGHT + COUNTS - 4 - height, 1), width, height, text)
        )
    return bars


def _learning(name: str, train: Sequence[float], validation: Sequence[float]) -> Plot:
    values = [value for value in (*train, *validation) if math.isfinite(value)]
    epochs = max(len(train), len(validation))
    y_values = _nice(min(values, default=0.0), max(values, default=1.0))
    x_values = sorted(
        {round(v) for v in _nice(1, max(epochs, 2)) if 1 <= v <= max(epochs, 2)} | {1}
    )
    x = _scale(1, max(epochs, 2), LEFT + 8, WIDTH - RIGHT - 8)
    y = _scale(y_values[0], y_values[-1], HEIGHT - BOTTOM, TOP)
    series = (("train", "second", train), ("validation", "first", validation))
    last = "; ".join(f"{label} ends at {found[-1]:.4g}" for label, _, found in series if found)
    return Plot(
        title=name,
        described=f"{name} over {epochs} epochs: {last}",
        across="epoch",
        x_ticks=[Tick(x(value), f"{value:g}") for value in x_values],
        y_ticks=[Tick(y(value), f"{value:.6g}") for value in y_values],
        lines=[
            _line(label, look, list(enumerate(found, start=1)), x, y)
            for label, look, found in series
            if found
        ],
    )


def _line(
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


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From values to coordinates."""
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 1)


def _nice(low: float, high: float) -> list[float]:
    """Round numbers, evenly spaced, that begin at or below `low` and end at or above `high`."""
    span = max(high - low, _LEAST * max(abs(low), abs(high), 1))
    size = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(size * m for m in (1, 2, 5, 10) if span / (size * m) <= _TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    last += first == last
    return [round(i * step, 12) for i in range(first, last + 1)]
