"""Parse the numbers in a block of lines: fast where all cells are plain, else cell by cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.sources.arrays.pixel_tables.blocks import Block
from data.sources.arrays.pixel_tables.columns import Columns, unquote

_COMMA, _NEWLINE, _ZERO, _NINE = b",\n09"
_MOST_DIGITS = 9  # of a label
_SHOWN = 40  # most bytes of a cell in a message


class Rows(NamedTuple):
    """The images of a block."""

    labels: np.ndarray  # (n,) int64
    pixels: np.ndarray | None  # (n, number of pixels) uint8; None: not asked for


def parse_block(block: Block, columns: Columns, name: str, *, with_pixels: bool) -> Rows:
    """Parse the rows of a block; empty lines are none.

    Args:
        block: lines, without the header.
        columns: of the table.
        name: the file, for messages.
        with_pixels: False checks the number of cells in each row, but not all pixels.

    Raises:
        BadDataError: a row has another number of cells, or a cell is no such number.
    """
    rows = _parse_plain(block.content, columns, with_pixels)
    return rows or _parse_slowly(block, columns, name)


def _parse_plain(content: bytes, columns: Columns, with_pixels: bool) -> Rows | None:
    """Parse cells of digits alone; None if there is anything else, or a number out of range."""
    codes = np.frombuffer(content, np.uint8)
    (separated,) = np.nonzero(codes < _ZERO)
    if codes.max() > _NINE or len(separated) % columns.total:
        return None
    ends = separated.reshape(-1, columns.total)
    separators = codes[ends]
    if (separators[:, :-1] != _COMMA).any() or (separators[:, -1] != _NEWLINE).any():
        return None
    lengths = np.diff(separated, prepend=-1).reshape(ends.shape) - 1  # digits of each cell
    of_labels = lengths[:, columns.label]
    if lengths.min() < 1 or of_labels.max() > _MOST_DIGITS:
        return None
    stops = ends[:, columns.label]
    spans = zip((stops - of_labels).tolist(), stops.tolist(), strict=True)
    labels = np.array([int(content[start:stop]) for start, stop in spans], np.int64)
    if not with_pixels:
        return Rows(labels, None)
    pixels = _parse_digits(codes, ends[:, columns.pixels], lengths[:, columns.pixels])
    return None if pixels is None else Rows(labels, pixels)


def _parse_digits(codes: np.ndarray, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """Return numbers of one to three digits as uint8; None if one is longer, or above 255."""
    if lengths.max() > 3:
        return None
    digits = codes - _ZERO
    values = digits[ends - 1].astype(np.int16)
    for place, weight in ((2, 10), (3, 100)):
        long = lengths >= place
        values[long] += digits[ends[long] - place] * np.int16(weight)
    return None if values.max() > 255 else values.astype(np.uint8)


def _parse_slowly(block: Block, columns: Columns, name: str) -> Rows:
    """Parse row by row; cells may have spaces or quotes around them."""
    labels, rows = [], []
    for number, line in enumerate(block.content.split(b"\n"), block.line):
        if not line.strip():
            continue
        if line.count(b",") != columns.total - 1:
            raise _error(
                name,
                f"a row of {line.count(b',') + 1:,} cells",
                f"line {number}",
                f"{columns.total:,} cells in each row, as in the first",
            )
        cells = [unquote(cell.strip(b" \t")) for cell in line.split(b",")]
        label = cells[columns.label]
        if not label.isdigit() or len(label) > _MOST_DIGITS:
            raise _error(
                name,
                "a label that is no number",
                _describe(number, columns.label, label),
                f"integers of at most {_MOST_DIGITS} digits in the column of the label",
            )
        values = [int(c) if c.isdigit() and len(c) <= _MOST_DIGITS else -1 for c in cells]
        pixels = np.array(values, np.int64)[columns.pixels]
        labels.append(int(label))
        wrong = np.flatnonzero((pixels < 0) | (pixels > 255))
        if len(wrong):
            column = np.arange(columns.total)[columns.pixels][wrong[0]]
            raise _error(
                name,
                "a pixel that is no number from 0 to 255",
                _describe(number, column, cells[column]),
                "integers from 0 to 255",
            )
        rows.append(pixels.astype(np.uint8))
    empty = np.zeros((0, columns.num_pixels), np.uint8)
    return Rows(np.array(labels, np.int64), np.stack(rows) if rows else empty)


def _describe(line: int, column: int, cell: bytes) -> str:
    text = cell[:_SHOWN].decode(errors="surrogateescape")
    return f"line {line}, column {column}: {escape_line(repr(text))}"


def _error(name: str, what: str, got: str, expected: str) -> BadDataError:
    return BadDataError(
        f"{name} has {what}",
        expected=expected,
        got=got,
        follows="nothing was ingested",
        remedy="fix the cell or the row; values of 0 to 1 must be scaled to 0 to 255 and rounded",
    )
