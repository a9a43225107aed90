"""Print a listing that is readable at any width: a table, or where that is too wide, a block of
lines for each row.

In a pipe each row is one line, however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.console import ConsoleOptions, RenderResult
from rich.text import Text

from pipeline.console.terminal import Console, RichConsole

Cell = str | Text
_GAP = 2  # spaces between columns
_INDENT = 2  # spaces before the lines of a block, but for the first
_LONG_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")


class Column(NamedTuple):
    """One column of a listing.

    Attributes:
        heading: above the column, or before the value in a block.
        right: align to the right, as numbers are.
        fold: break a long text over several lines, in a table of at least so many characters.
        title: the value stands in the first line of a block.
    """

    heading: str
    right: bool = False
    fold: int = 0
    title: bool = False


class Listing:
    """Rows under headings, for `Console.print`. Columns without any value are left out.

    Args:
        columns: from left to right; at least one is a title.
        rows: a cell for each column. A text is printed as it is, without markup.
        indent: spaces before each line.
    """

    def __init__(
        self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, indent: int = 0
    ) -> None:
        cells = [[_text(cell) for cell in row] for row in rows]
        kept = [i for i in range(len(columns)) if any(row[i].plain for row in cells)]
        self._columns = [columns[i] for i in kept]
        self._rows = [[row[i] for i in kept] for row in cells]
        self._indent = indent

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        for line in self._lines(console, options.max_width - self._indent):
            yield Text.assemble(" " * self._indent, line)

    def _lines(self, console: RichConsole, width: int) -> Iterator[Text]:
        if not self._rows:
            return
        widths = self._widths(width)
        if widths:
            yield from self._table(console, widths)
        else:
            for row in self._rows:
                yield from self._block(console, row, width)

    def _widths(self, width: int) -> list[int] | None:
        """Return the width of each column of a table, or None where no table fits."""
        natural = [
            max(len(column.heading), *(row[i].cell_len for row in self._rows))
            for i, column in enumerate(self._columns)
        ]
        left = width - _GAP * (len(natural) - 1)
        left -= sum(n for n, column in zip(natural, self._columns, strict=True) if not column.fold)
        folded = [i for i, column in enumerate(self._columns) if column.fold]
        if left < sum(min(natural[i], self._columns[i].fold) for i in folded):
            return None
        widths = list(natural)
        folded.sort(key=natural.__getitem__)
        for number, i in enumerate(folded):  # what narrow columns leave goes to wide ones
            widths[i] = min(natural[i], left // (len(folded) - number))
            left -= widths[i]
        return widths

    def _table(self, console: RichConsole, widths: Sequence[int]) -> Iterator[Text]:
        rights = [column.right for column in self._columns]
        headings = [Text(column.heading, "bold") for column in self._columns]
        if any(heading.plain for heading in headings):
            yield from _align(console, headings, widths, rights)
        for row in self._rows:
            yield from _align(console, row, widths, rights)

    def _block(self, console: RichConsole, row: Sequence[Text], width: int) -> Iterator[Text]:
        """Yield a row as lines: the titles, the short values, then each long text."""
        cells = [(c, cell) for c, cell in zip(self._columns, row, strict=True) if cell.plain]
        yield from _pack([cell for column, cell in cells if column.title], width)
        short = [
            Text.assemble((f"{column.heading} ", "dim"), cell) if column.heading else cell
            for column, cell in cells
            if not (column.title or column.fold)
        ]
        long = {column.heading: cell for column, cell in cells if column.fold and not column.title}
        below = [*_pack(short, width - _INDENT), *_align_labelled(console, long, width - _INDENT)]
        for line in below:
            yield Text.assemble(" " * _INDENT, line)


class Fields:
    """Values after their labels, for `Console.print`; long values are folded, empty ones omitted.

    Args:
        fields: label → value.
    """

    def __init__(self, fields: Mapping[str, Cell | None]) -> None:
        self._fields = {label: _text(cell) for label, cell in fields.items() if cell}

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        yield from _align_labelled(console, self._fields, options.max_width)


def print_listing(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a listing on standard output; nothing where there are no rows."""
    Console().print(Listing(columns, rows))


def print_fields(fields: Mapping[str, Cell | None]) -> None:
    """Print values after their labels on standard output."""
    Console().print(Fields(fields))


def colour(word: str) -> Text:
    """Return a status or a verdict in its colour."""
    return Text(word, _COLOURS.get(word, ""))


def shorten_digests(text: str) -> str:
    """Cut each digest in a text to the 12 digits that other listings show."""
    return _LONG_DIGEST.sub(r"\1", text)


def _align_labelled(console: RichConsole, fields: Mapping[str, Text], width: int) -> Iterator[Text]:
    if not fields:
        return
    labels = max(map(len, fields))
    widths = (labels, max(width - labels - _GAP, 1)) if labels else (width,)
    for label, cell in fields.items():
        row = [Text(label, "dim"), cell] if labels else [cell]
        yield from _align(console, row, widths, [False] * len(row))


def _align(
    console: RichConsole, row: Sequence[Text], widths: Sequence[int], rights: Sequence[bool]
) -> Iterator[Text]:
    """Yield the lines of a row: each cell in its width, folded where it is longer."""
    folded = [
        cell.wrap(console, width, overflow="fold") for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*folded, fillvalue=Text()):
        line = Text()
        for part, width, right in zip(parts, widths, rights, strict=True):
            cell = part.copy()
            cell.rstrip()
            cell.align("right" if right else "left", width)
            line = Text.assemble(line, " " * _GAP if line else "", cell)
        line.rstrip()
        yield line


def _pack(texts: Iterable[Text], width: int) -> Iterator[Text]:
    """Join texts to lines that are no wider than `width`, where that is possible."""
    line: Text | None = None
    for text in texts:
        if line is None:
            line = text.copy()
        elif line.cell_len + _GAP + text.cell_len <= width:
            line = Text.assemble(line, " " * _GAP, text)
        else:
            yield line
            line = text.copy()
    if line is not None:
        yield line


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


_COLOURS = {
    **dict.fromkeys(("completed", "passed", "usable"), "green"),
    **dict.fromkeys(("failed", "damaged", "excluded", "unreadable"), "red"),
    **dict.fromkeys(
        (
            *("interrupted", "killed", "cancelled", "not configured"),
            *("unmanaged", "incomplete", "missed", "paused"),
        ),
        "yellow",
    ),
    **dict.fromkeys(("cached", "nothing new", "skipped"), "dim"),
}
