"""Find the label and the pixels among the columns of a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError, suggest_names
from data.sources.image_files.tables.columns import USUAL_NAMES
from data.sources.source_config import SourceConfig

_NUMBER = re.compile(r"[0-9]{1,9}")
_SHOWN = 8


class Columns(NamedTuple):
    """Which columns of a table are read."""

    total: int  # columns of the table
    label: int
    pixels: list[int] | slice  # in the order in which an image stores them
    num_pixels: int
    grid: tuple[int, ...] | None  # shape, where the names of the pixels count rows and columns
    facts: tuple[str, ...]  # what was assumed and what is not used


def parse_header(line: bytes) -> tuple[str, ...] | None:
    """Return the names in the first line of a table; None if it has numbers, not names."""
    cells = [unquote(cell.strip(b" \t")) for cell in line.split(b",")]
    if all(cell.removeprefix(b"-").replace(b".", b"", 1).isdigit() for cell in cells):
        return None
    return tuple(cell.decode(errors="surrogateescape") for cell in cells)


def unquote(cell: bytes) -> bytes:
    """Remove the quotes around a cell."""
    return cell[1:-1] if len(cell) > 1 and cell[:1] == cell[-1:] == b'"' else cell


def choose_columns(
    header: Sequence[str] | None, count: int, config: SourceConfig, where: str
) -> Columns | None:
    """Choose the columns of a table by its header, or by their positions where it has none.

    Args:
        header: the names; None: the table has none.
        count: the number of columns.
        config: of the source.
        where: the file, for messages.

    Returns:
        None if the table has no label.

    Raises:
        ConfigError: there are several columns that may be the label.
        BadDataError: no pixels, or a gap among them.
    """
    if header is None:
        if count < 2:
            raise _no_pixels_error(["one column without a header"], where)
        label = _parse_position(config.label_column, count, where)
        return Columns(
            count,
            label,
            slice(1, None) if label == 0 else [n for n in range(count) if n != label],
            count - 1,
            None,
            (f"no header: the label is in column {label}",),
        )
    label_name = _choose_label(header, config.label_column, where)
    if label_name is None:
        return None
    label = header.index(label_name)
    pixels = _sort_pixels(header, label, where)
    order = [number for _, number in pixels]
    used = {label, *order}
    unused = [name for n, name in enumerate(header) if n not in used]
    facts = [f"label from the column {escape_line(label_name)!r}"]
    if unused:
        more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
        facts.append("columns not used: " + ", ".join(map(repr, unused[:_SHOWN])) + more)
    is_run = order == list(range(order[0], order[0] + len(order)))
    return Columns(
        count,
        label,
        slice(order[0], order[0] + len(order)) if is_run else order,
        len(order),
        _find_grid([numbers for numbers, _ in pixels]),
        tuple(map(escape_line, facts)),
    )


def _parse_position(column: str | None, count: int, where: str) -> int:
    if column is None:
        return 0
    if not _NUMBER.fullmatch(column) or int(column) >= count:
        raise ConfigError(
            f"{where} has no header, and ingest.label_column is not the number of a column",
            expected=f"0 to {count - 1}",
            got=repr(column),
            follows="nothing was ingested",
            remedy="--set ingest.label_column=0 for the first column",
        )
    return int(column)


def _choose_label(header: Sequence[str], column: str | None, where: str) -> str | None:
    if column is not None:
        return column if column in header else None
    usual = [name for name in header if name.lower() in (*USUAL_NAMES["label"], "y")]
    if len(usual) > 1:
        raise ConfigError(
            f"{where} has several columns that may be the label",
            expected="ingest.label_column",
            got=", ".join(map(escape_line, usual[:_SHOWN])),
            follows="nothing was ingested",
            remedy=f"--set ingest.label_column={escape_line(usual[0])}",
        )
    return usual[0] if usual else None


def no_label_error(header: Sequence[str] | None, config: SourceConfig, where: str) -> BadDataError:
    """Return the error for a table without a label."""
    names, column = header or (), config.label_column
    remedy = suggest_names(column, names[:_SHOWN]) if column else "--set ingest.label_column=…"
    return BadDataError(
        f"{where} has no column with the label",
        expected=repr(column) if column else ", ".join((*USUAL_NAMES["label"], "y")),
        got=", ".join(map(escape_line, names[:_SHOWN])) + (" …" if len(names) > _SHOWN else ""),
        follows="nothing was ingested",
        remedy=remedy,
    )


def _sort_pixels(
    header: Sequence[str], label: int, where: str
) -> list[tuple[tuple[int, ...], int]]:
    """Return the numbers in the names of the pixels, in their order, and their columns."""
    stems = Counter(_NUMBER.sub("#", name) for n, name in enumerate(header) if n != label)
    numbered = [stem for stem, _ in stems.most_common() if "#" in stem]
    pixels = sorted(
        (tuple(map(int, _NUMBER.findall(name))), n)
        for n, name in enumerate(header)
        if n != label and numbered and _NUMBER.sub("#", name) == numbered[0]
    )
    numbers = [number for number, _ in pixels]
    gaps = not pixels or len({*numbers}) < len(numbers)
    if not gaps and len(numbers[0]) == 1:
        gaps = numbers[-1][0] - numbers[0][0] != len(numbers) - 1
    if gaps:
        raise _no_pixels_error(header, where)
    return pixels


def _no_pixels_error(header: Sequence[str], where: str) -> BadDataError:
    return BadDataError(
        f"the columns of {where} do not count the pixels",
        expected="names with numbers that have no gap, such as pixel0 to pixel783",
        got=", ".join(map(escape_line, header[:_SHOWN])) + (" …" if len(header) > _SHOWN else ""),
        follows="nothing was ingested",
        remedy="check that the table is complete, or name its columns so",
    )


def _find_grid(numbers: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return the shape that sorted pairs or triples of numbers count in full; else None."""
    if len(numbers[0]) not in (2, 3):
        return None
    sides = [sorted({*side}) for side in zip(*numbers, strict=True)]
    is_full = prod(map(len, sides)) == len(numbers)
    return tuple(map(len, sides)) if is_full else None
