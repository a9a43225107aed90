"""Collect the rows of a table: one labelled name for each image."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.sources.file_source import LeftOut
from data.sources.image_files.labelled import match_group
from data.sources.image_files.tables.columns import Columns, Table
from data.sources.split_names import USUAL_NAMES

_NO_LABEL = {"nan", "NaN", "<NA>"}  # as libraries write a missing value
_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]*)?")


class RowFile(NamedTuple):
    """What a row says of its file."""

    number: int  # of the row
    label: str
    split: str | None
    group: str | None
    features: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Rows:
    """The rows of a table, each file once."""

    files: dict[str, RowFile]  # name below the folder of the images → its row
    labels: dict[str, int]  # label → its first row
    repeated: Sequence[LeftOut]  # rows that say again what another says


def collect_rows(
    table: Table, columns: Columns, where: str, folder: InputPath, given: Sequence[str] | None
) -> Rows:
    """Read all rows of a table.

    Args:
        table: the table.
        columns: those to read.
        where: the table, for messages.
        folder: which the paths are relative to.
        given: all class names; None: those of the rows.

    Raises:
        BadDataError: a row without path or label, of an unknown split, with a path out of the
            folder, or at odds with another row of the same file.
        EnvironmentTrouble: the table cannot be read.
    """
    reader = _RowReader(table, columns, where, folder, given)
    for number, cells in table.read_rows(columns.names):
        reader.add(number, dict(zip(columns.names, cells, strict=True)))
    if given is None:
        _refuse_one_text(reader.labels, where, table.unit)
    return Rows(reader.files, reader.labels, reader.repeated)


class _RowReader:
    def __init__(
        self,
        table: Table,
        columns: Columns,
        where: str,
        folder: InputPath,
        given: Sequence[str] | None,
    ) -> None:
        self._columns, self._where, self._unit, self._given = columns, where, table.unit, given
        self._folder = str(folder)
        self._bases = dict.fromkeys((self._folder, os.path.realpath(self._folder)))
        self._shared: dict[Any, Any] = {}  # values that many rows have: each is held once
        self.files: dict[str, RowFile] = {}
        self.labels: dict[str, int] = {}
        self.repeated: list[LeftOut] = []

    def add(self, number: int, cells: dict[str, str | None]) -> None:
        columns = self._columns
        label = cells[columns.label]
        if not label or (label in _NO_LABEL and label not in (self._given or ())):
            raise self._error(number, "has no label", "a label in each row", repr(label or ""))
        name = self._resolve(number, cells[columns.path] or "")
        split = None if columns.split is None else self._get_split(number, cells[columns.split])
        group = None
        if columns.pattern is not None:
            group = match_group(columns.pattern, name)
        elif columns.group is not None and not (group := cells[columns.group]):
            expected = f"a value in the column {columns.group!r}"
            raise self._error(number, "has no group", expected, "an empty cell")
        features = tuple((feature, cells[feature] or "") for feature in columns.features)
        self.labels.setdefault(label, number)
        share = self._shared.setdefault
        row = RowFile(
            number, share(label, label), split, share(group, group), share(features, features)
        )
        other = self.files.setdefault(name, row)
        if other is row:
            return
        if other[1:] != row[1:]:
            raise BadDataError(
                f"{self._where} has two rows that differ for {escape_line(name)}",
                expected="one row for each file, or rows that say the same",
                got=f"{self._unit} {other.number}: {_show(other)}; {self._unit} {number}: "
                f"{_show(row)}",
                follows="nothing was ingested",
                remedy="remove one of the two",
            )
        repeats = f"{self._unit} {number} repeats {self._unit} {other.number}"
        self.repeated.append(LeftOut(name, repeats))

    def _resolve(self, number: int, path: str) -> str:
        """Return the path below the folder."""
        for base in self._bases if path.startswith(("/", self._folder)) else ():
            if path.startswith(base.rstrip("/") + "/"):
                path = path[len(base.rstrip("/")) + 1 :]
        name = posixpath.normpath(path) if path else "."
        if name == ".":
            raise self._error(number, "has no path", "the path of a file", repr(path))
        if name == ".." or name.startswith(("/", "../")):
            raise self.leaving_error(number, path)
        return name

    def leaving_error(self, number: int, path: str) -> BadDataError:
        return leaving_error(self._where, f"{self._unit} {number}", path, self._folder)

    def _get_split(self, number: int, value: str | None) -> str:
        split = USUAL_NAMES.get((value or "").strip().lower())
        if split is None:
            raise self._error(
                number, "is of an unknown split", f"one of {', '.join(USUAL_NAMES)}", repr(value)
            )
        return split

    def _error(self, number: int, what: str, expected: str, got: str) -> BadDataError:
        return BadDataError(
            f"{self._unit} {number} of {self._where} {what}",
            expected=expected,
            got=got,
            follows="nothing was ingested",
            remedy="fix the row or remove it; check that the settings name the right columns",
        )


def leaving_error(where: str, row: str, path: str, folder: str) -> BadDataError:
    """Return the error for a path that leads out of the folder of images."""
    return BadDataError(
        f"{where} names a file outside {escape_line(folder)}",
        expected="paths below that folder, also where links lead",
        got=f"{escape_line(path)} in {row}",
        follows="nothing was ingested",
        remedy="set ingest.images to the folder that holds all images, or fix the path",
    )


def _refuse_one_text(labels: dict[str, int], where: str, unit: str) -> None:
    """Refuse labels that are all numbers but one: most likely it is a mistake."""
    texts = [label for label in labels if not _NUMBER.fullmatch(label)]
    if len(texts) == 1 and len(labels) > 2:
        raise BadDataError(
            f"all labels of {where} are numbers but one",
            expected="numbers, or names",
            got=f"{escape_line(texts[0])!r} in {unit} {labels[texts[0]]}",
            follows="nothing was ingested",
            remedy="fix the row, or name all classes in ingest.class_names if it is one",
        )


def _show(row: RowFile) -> str:
    values = (row.label, row.split, row.group, *(value for _, value in row.features))
    return ", ".join(escape_line(value) for value in values if value is not None)
