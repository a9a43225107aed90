"""Make heat maps of labels and predictions as table cells, and list the largest confusions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.report.html.number_formats import format_signed_count

LEVELS = 9  # of shade; style.css has as many
_WITH_NUMBERS = 25  # with more classes the cells have no room for numbers
_WITH_CELLS = 150  # with more classes no matrix is shown: its size grows with their square
_FIT = 4  # letters of a name that fit into a column
_LISTED = 12  # confusions

Counts = Sequence[Sequence[int]]


class Cell(NamedTuple):
    """A cell of a heat map."""

    text: str
    shade: str  # a class of style.css such as "good3" or "bad9"; empty: not shaded


class Matrix(NamedTuple):
    """A heat map: a row for each label, a column for each prediction."""

    names: Sequence[str]
    rows: list[list[Cell]]
    numbers: bool  # whether cells have room for them
    upright: bool  # whether names of columns are turned, because they are too long

    @property
    def cell(self) -> int:
        """Size in pixels of a cell without a number: a matrix is about half a page wide."""
        return max(4, min(18, 520 // len(self.names) - 1))


class Confusion(NamedTuple):
    """The images of one class that were predicted as one other class."""

    label: str
    predicted: str
    images: int
    share: float  # of the label's images
    before: int | None  # the baseline's


def make_matrix(verdict: Mapping[str, Any]) -> Matrix | None:
    """Make the matrix of the candidate; None if there are too many classes."""

    def cell(label: int, predicted: int, counts: Sequence[int]) -> Cell:
        images, right = counts[predicted], label == predicted
        share = images / sum(counts) if images else 0.0
        # Mistakes are few: the square root makes one in a thousand visible.
        level = math.ceil(LEVELS * (share if right else math.sqrt(share)))
        return Cell(
            f"{images:,}" if images else "", _choose_shade("good" if right else "bad", level)
        )

    rows = verdict["confusion"]["candidate"] or []
    return _make_matrix(
        verdict, [[cell(i, j, row) for j in range(len(row))] for i, row in _list_rows(rows)]
    )


def make_difference(verdict: Mapping[str, Any]) -> Matrix | None:
    """Make the matrix of the candidate minus the baseline; None if there is no baseline matrix."""
    before, after = verdict["confusion"]["baseline"], verdict["confusion"]["candidate"]
    if before is None or len(before) > _WITH_CELLS:
        return None
    changes = [[a - b for a, b in zip(*r, strict=True)] for r in zip(after, before, strict=True)]
    largest = max((abs(change) for row in changes for change in row), default=0) or 1

    def cell(label: int, predicted: int, change: int) -> Cell:
        better = (change > 0) == (label == predicted)
        level = math.ceil(LEVELS * abs(change) / largest)
        return Cell(format_signed_count(change), _choose_shade("good" if better else "bad", level))

    return _make_matrix(
        verdict, [[cell(i, j, c) for j, c in enumerate(row)] for i, row in _list_rows(changes)]
    )


def list_confusions(verdict: Mapping[str, Any]) -> list[Confusion]:
    """List the confusions with the most images."""
    names, classes = verdict["data"]["class_names"], verdict["metrics"]["candidate"]["classes"]
    return [
        Confusion(
            label=(label := names[cell["label"]]),
            predicted=names[cell["predicted"]],
            images=cell["images"],
            share=cell["images"] / classes[label]["examples"],
            before=cell["before"],
        )
        for cell in verdict["confusions"][:_LISTED]
    ]


def count_without_class(verdict: Mapping[str, Any]) -> int:
    """Count the images whose answer is not finite: no column of the matrix has them."""
    classes = verdict["metrics"]["candidate"]["classes"].values()
    return int(verdict["data"]["examples"] - sum(one["predicted"] for one in classes))


def _list_rows(rows: Counts) -> list[tuple[int, Sequence[int]]]:
    return list(enumerate(rows)) if len(rows) <= _WITH_CELLS else []


def _make_matrix(verdict: Mapping[str, Any], rows: list[list[Cell]]) -> Matrix | None:
    names = verdict["data"]["class_names"]
    upright = max(map(len, names)) > _FIT
    return Matrix(names, rows, len(names) <= _WITH_NUMBERS, upright) if rows else None


def _choose_shade(kind: str, level: int) -> str:
    return f"{kind}{min(level, LEVELS)}" if level else ""
