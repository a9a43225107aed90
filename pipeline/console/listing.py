"""Print a listing that is readable on any width: a table, or one block per row where it is narrow.

In a pipe each row is one line, however long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.console.terminal import Console

Cell = str | Text
_GAP = 2  # spaces between columns
_INDENT = 2  # spaces before what is below the first line of a block
_LEAST_FOLDED = 24  # columns that a folded text needs beside the others


class Column(NamedTuple):
    """One column of a listing.

    Attributes:
        heading: above the column, or before the value in a block.
        right: align to the right, as numbers are.
        fold: break the text over several lines where it is too long.
        title: stands on the first line of a block.
    """

    heading: str
    right: bool = False
    fold: bool = False
    title: bool = False


class Listing:
    """Rows under headings, for `Console.print`. Columns without any value are left out.

    Args:
        columns: from left to right.
        rows: a cell for each column; a text is printed as it is, without markup.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        cells = [[_text(cell) for cell in row] for row in rows]
        kept = [i for i in range(len(columns)) if any(row[i].plain for row in cells)]
        self.columns = [columns[i] for i in kept]
        self.rows = [[row[i] for i in kept] for row in cells]

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        if self._needed_width() <= options.max_width:
            yield self._table()
        else:
            for row in self.rows:
                yield from self._block(row)

    def _needed_width(self) -> int:
        needed = _GAP * (len(self.columns) - 1)
        for number, column in enumerate(self.columns):
            widest = max(row[number].cell_len for row in self.rows)
            least = min(widest, _LEAST_FOLDED) if column.fold else widest
            needed += max(least, len(column.heading))
        return needed

    def _table(self) -> Table:
        with_headings = any(column.heading for column in self.columns)
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=with_headings)
        for column in self.columns:
            table.add_column(
                column.heading,
                justify="right" if column.right else "left",
                header_style="bold",
                no_wrap=not column.fold,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*row)
        return table

    def _block(self, row: Sequence[Text]) -> Iterable[Table | Text | Padding]:
        cells = [pair for pair in zip(self.columns, row, strict=True) if pair[1].plain]
        titles = [cell for column, cell in cells if column.title] or [cells[0][1]]
        below = [(column, cell) for column, cell in cells if not any(cell is t for t in titles)]
        yield Text("  ").join(titles)
        grid = _folding_grid()
        for column, cell in below:
            grid.add_row(column.heading, cell)
        if below:
            yield Padding(grid, (0, 0, 0, _INDENT))


def _folding_grid() -> Table:
    """Return a table for labels and values, without a frame."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    return grid


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def print_listing(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a listing on standard output; nothing where there are no rows."""
    listing = Listing(columns, rows)
    if listing.rows:
        Console().print(listing)


def print_fields(fields: Mapping[str, Cell | None]) -> None:
    """Print one value per line after its label, folded where it is too long; omit empty ones."""
    grid = _folding_grid()
    for label, value in fields.items():
        if value:
            grid.add_row(label, _text(value))
    Console().print(grid)


def colour(word: str) -> Text:
    """Return a status or a verdict in its colour."""
    return Text(word, style=_STYLES.get(word, ""))


_STYLES = {
    **dict.fromkeys(("done", "completed", "passed", "usable", "ran", "serving"), "green"),
    **dict.fromkeys(("failed", "damaged", "excluded", "unreadable"), "red"),
    **dict.fromkeys(
        (
            *("interrupted", "killed", "cancelled", "not configured"),
            *("foreign", "unmanaged", "arriving", "incomplete", "missed", "paused"),
        ),
        "yellow",
    ),
    **dict.fromkeys(("reused", "cached", "nothing new", "skipped"), "dim"),
}
