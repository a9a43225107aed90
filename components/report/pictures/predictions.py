"""An image beside the bar chart of its class probabilities: one alone, or a sheet of them.

Blue is the true class, vermillion a class predicted wrongly: two colours that can be told apart
with any colour vision. The caption says it without them: ✓ or ✗, the predicted class, its
probability, and in brackets the true class where it is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from components.report.pictures.canvas import MARGIN, blank, paste, sheet, write
from serving_export.predict import Answer

TRUE = "#0072B2"
WRONG = "#D55E00"
UNKNOWN = "#6A3D9A"  # predicted, with no label to hold it against
OTHER = "#B8B8B8"
_TRACK = "#F0F0F0"  # a bar's whole way, to 100 %


class _Look(NamedTuple):
    """Sizes of an image with its chart, in pixels; of letters in points."""

    side: int  # of the image
    names: int  # width of the class names
    bars: int  # width of a bar of 100 %
    row: int  # height of a class
    most: int  # classes in the chart
    caption: float  # its letters
    small: float  # the names' letters
    percent: int  # width of the number behind a bar; 0: none

    @property
    def width(self) -> int:
        return self.side + 2 * MARGIN + self.names + self.bars + self.percent

    def body(self, classes: int) -> int:
        """Height of the image or its chart, whichever is taller; below comes the caption."""
        return max(self.side, min(classes, self.most) * self.row)

    def height(self, classes: int) -> int:
        return self.body(classes) + round(3 * self.caption) + 14


_ALONE = _Look(side=300, names=190, bars=180, row=24, most=20, caption=13, small=10, percent=56)
_IN_SHEET = _Look(side=128, names=88, bars=76, row=13, most=10, caption=8.5, small=7, percent=0)
_COLUMNS = 3
_LINE = 20  # pixels of a line of the legend


def draw_predictions(answers: Sequence[Answer]) -> Axes:
    """One answer large, or several in rows of three, with lines below that explain the colours.

    With many classes a chart has the likeliest and the true one.

    Args:
        answers: one or more, of one model.
    """
    look = _ALONE if len(answers) == 1 else _IN_SHEET
    classes = len(answers[0].prediction.probabilities)
    columns, rows = min(len(answers), _COLUMNS), -(-len(answers) // _COLUMNS)
    across, down = look.width, look.height(classes)
    legend = _legend(answers, look.most)
    height = rows * down + len(legend) * _LINE + 2 * MARGIN
    paper = blank(columns * across + MARGIN, height)
    cells = [
        (MARGIN + i % columns * across, MARGIN + i // columns * down) for i in range(len(answers))
    ]
    for answer, (left, top) in zip(answers, cells, strict=True):
        paste(paper, answer.image, left, top, look.side)
    axes = sheet(paper)
    for answer, (left, top) in zip(answers, cells, strict=True):
        _caption(axes, answer, left, top + look.body(classes) + 8, look)
        _bars(axes, answer, left + look.side + MARGIN // 2, top, look)
    _explain(axes, legend, height - MARGIN - len(legend) * _LINE)
    return axes


def _caption(axes: Axes, answer: Answer, left: float, top: float, look: _Look) -> None:
    predicted = answer.prediction
    words, names = f"{{}}  {100 * predicted.probability:.0f} %", [predicted.class_name]
    if answer.label is not None:
        words = f"✓ {words}" if answer.is_correct else f"✗ {words} ({{}})"
        names.append(answer.label)
    write(
        axes,
        left,
        top,
        words,
        *names,
        width=look.width - MARGIN,
        size=look.caption,
        color=_colour(predicted.class_name, answer),
        va="top",
    )


def _bars(axes: Axes, answer: Answer, left: float, top: float, look: _Look) -> None:
    """Names at the left, bars that begin in one line, and where there is room the number."""
    shown = _shown(answer, look.most)
    start = left + look.names
    middles = [top + (i + 0.5) * look.row for i in range(len(shown))]
    widths = [look.bars * probability for _, probability in shown]
    colours = [_colour(name, answer) for name, _ in shown]
    thick = 0.72 * look.row
    axes.barh(middles, look.bars, thick, start, color=_TRACK)
    axes.barh(middles, widths, thick, start, color=colours)
    for (name, probability), y, colour in zip(shown, middles, colours, strict=True):
        colour = "black" if colour == OTHER else colour
        write(
            axes,
            start - 6,
            y,
            "{}",
            name,
            width=look.names - 6,
            size=look.small,
            ha="right",
            va="center_baseline",
            color=colour,
        )
        if look.percent:
            number = f"{100 * probability:.1f} %"
            write(
                axes,
                start + look.bars + 6,
                y,
                number,
                width=look.percent,
                size=look.small,
                va="center_baseline",
                color=colour,
            )


def _shown(answer: Answer, most: int) -> list[tuple[str, float]]:
    """All classes in their order; the likeliest first, and the true one, where they are many."""
    classes = list(answer.prediction.probabilities.items())
    if len(classes) <= most:
        return classes
    ranked = sorted(classes, key=lambda item: -item[1])
    best, rest = ranked[:most], ranked[most:]
    missed = [item for item in rest if item[0] == answer.label]
    return best[: most - len(missed)] + missed


def _colour(name: str, answer: Answer) -> str:
    if name == answer.label:
        return TRUE
    if name == answer.prediction.class_name:
        return UNKNOWN if answer.label is None else WRONG
    return OTHER


def _explain(axes: Axes, lines: Sequence[Sequence[tuple[str, str]]], top: float) -> None:
    for line, parts in enumerate(lines):
        x = float(MARGIN)
        for words, colour in parts:
            y = top + (line + 0.5) * _LINE
            text = write(axes, x, y, words, width=400, size=8.5, color=colour, va="center")
            x = text.get_window_extent().x1 + 16


def _legend(answers: Sequence[Answer], most: int) -> list[list[tuple[str, str]]]:
    """The last lines: what the colours mean, how many are right; which classes are shown."""
    judged = [answer.is_correct for answer in answers if answer.is_correct is not None]
    classes = len(answers[0].prediction.probabilities)
    meant, shown = [], []
    if judged:
        meant.append(("■ true class", TRUE))
    if not all(judged):
        meant.append(("■ predicted, wrong (in brackets: the true class)", WRONG))
    if len(judged) > 1:
        meant.append((f"{sum(judged)} of {len(judged)} right", "black"))
    if classes > most:
        shown.append((f"shown: {most} of {classes} classes, the likeliest first", "black"))
    return [line for line in (meant, shown) if line]
