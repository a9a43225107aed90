"""Draw images beside the bar charts of their class probabilities.

Blue is the true class, vermillion a wrongly predicted class: two colours that can be distinguished
with any colour vision. The caption needs no colour: ✓ or ✗, the predicted class, its probability,
and in brackets the true class if it is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from components.report.pictures.canvas import MARGIN, make_paper, make_sheet, paste, write
from serving_export.predict import Answer

TRUE = "#0072B2"
WRONG = "#D55E00"
UNKNOWN = "#6A3D9A"  # predicted, without a label to compare with
OTHER = "#B8B8B8"
_TRACK = "#F0F0F0"  # background of a bar, to 100 %


class _Look(NamedTuple):
    """Sizes of an image and its chart in pixels, and of letters in points."""

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
        """Height of the image or its chart, whichever is taller, without the caption."""
        return max(self.side, min(classes, self.most) * self.row)

    def height(self, classes: int) -> int:
        return self.body(classes) + round(3 * self.caption) + 14


_ALONE = _Look(side=300, names=190, bars=180, row=24, most=20, caption=13, small=10, percent=56)
_IN_SHEET = _Look(side=128, names=88, bars=76, row=13, most=10, caption=8.5, small=7, percent=0)
_COLUMNS = 3
_LINE = 20  # pixels of a line of the legend


def draw_predictions(answers: Sequence[Answer]) -> Axes:
    """Draw one large answer, or several in rows of three, above a legend of the colours.

    With many classes a chart shows the likeliest classes and the true one.

    Args:
        answers: at least one, all of the same model.
    """
    look = _ALONE if len(answers) == 1 else _IN_SHEET
    classes = len(answers[0].prediction.probabilities)
    columns, rows = min(len(answers), _COLUMNS), -(-len(answers) // _COLUMNS)
    across, down = look.width, look.height(classes)
    legend = _make_legend(answers, look.most)
    height = rows * down + len(legend) * _LINE + 2 * MARGIN
    paper = make_paper(columns * across + MARGIN, height)
    cells = [
        (MARGIN + i % columns * across, MARGIN + i // columns * down) for i in range(len(answers))
    ]
    for answer, (left, top) in zip(answers, cells, strict=True):
        paste(paper, answer.image, left, top, look.side)
    axes = make_sheet(paper)
    for answer, (left, top) in zip(answers, cells, strict=True):
        _draw_caption(axes, answer, left, top + look.body(classes) + 8, look)
        _draw_bars(axes, answer, left + look.side + MARGIN // 2, top, look)
    _draw_legend(axes, legend, height - MARGIN - len(legend) * _LINE)
    return axes


def _draw_caption(axes: Axes, answer: Answer, left: float, top: float, look: _Look) -> None:
    predicted = answer.prediction
    text, names = f"{{}}  {100 * predicted.probability:.0f} %", [predicted.class_name]
    if answer.label is not None:
        text = f"✓ {text}" if answer.is_correct else f"✗ {text} ({{}})"
        names.append(answer.label)
    write(
        axes,
        left,
        top,
        text,
        *names,
        width=look.width - MARGIN,
        size=look.caption,
        color=_choose_colour(predicted.class_name, answer),
        va="top",
    )


def _draw_bars(axes: Axes, answer: Answer, left: float, top: float, look: _Look) -> None:
    """Draw names, bars, and the numbers if there is room."""
    shown = _choose_classes(answer, look.most)
    start = left + look.names
    middles = [top + (i + 0.5) * look.row for i in range(len(shown))]
    widths = [look.bars * probability for _, probability in shown]
    colours = [_choose_colour(name, answer) for name, _ in shown]
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


def _choose_classes(answer: Answer, most: int) -> list[tuple[str, float]]:
    """Choose all classes in their order, or of many the likeliest and the true one."""
    classes = list(answer.prediction.probabilities.items())
    if len(classes) <= most:
        return classes
    ranked = sorted(classes, key=lambda item: -item[1])
    best, rest = ranked[:most], ranked[most:]
    missed = [item for item in rest if item[0] == answer.label]
    return best[: most - len(missed)] + missed


def _choose_colour(name: str, answer: Answer) -> str:
    if name == answer.label:
        return TRUE
    if name == answer.prediction.class_name:
        return UNKNOWN if answer.label is None else WRONG
    return OTHER


def _draw_legend(axes: Axes, lines: Sequence[Sequence[tuple[str, str]]], top: float) -> None:
    for line, parts in enumerate(lines):
        x = float(MARGIN)
        for words, colour in parts:
            y = top + (line + 0.5) * _LINE
            text = write(axes, x, y, words, width=400, size=8.5, color=colour, va="center")
            x = text.get_window_extent().x1 + 16


def _make_legend(answers: Sequence[Answer], most: int) -> list[list[tuple[str, str]]]:
    """Make the lines of the legend: the colours, the number of right answers, the classes."""
    judged = [answer.is_correct for answer in answers if answer.is_correct is not None]
    classes = len(answers[0].prediction.probabilities)
    colours, shown = [], []
    if judged:
        colours.append(("■ true class", TRUE))
    if not all(judged):
        colours.append(("■ predicted, wrong (in brackets: the true class)", WRONG))
    if len(judged) > 1:
        colours.append((f"{sum(judged)} of {len(judged)} right", "black"))
    if classes > most:
        shown.append((f"shown: {most} of {classes} classes, the likeliest first", "black"))
    return [line for line in (colours, shown) if line]
