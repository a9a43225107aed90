"""Read the rows of a table in text: CSV, TSV and JSON lines. Memory holds one line."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TextIO

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.sources.image_files.tables.columns import Cells

_MOST_CHARACTERS = 1 << 20  # of a line
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_EXPECTED = "a table in UTF-8 with one row for each image"


class TextTable:
    """Cells with a separator between them, and a header in the first line.

    A file with the ending .csv may have semicolons or tabs in place of commas.
    """

    unit = "line"

    def __init__(self, path: InputPath) -> None:
        self._path = path
        with _open(path) as file:
            first = next(_read_lines(file, path), "")
        self._separator = "\t" if path.name.lower().endswith((".tsv", ".tab")) else ","
        if self._separator == ",":
            counts = {character: first.count(character) for character in ",;\t"}
            self._separator = max(counts, key=lambda character: counts[character])
        with _open(path) as file:
            self.header = tuple(next(self._parse(file), (0, ()))[1])

    def read_rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each line and its cells in these columns."""
        places = [self.header.index(column) for column in columns]
        with _open(self._path) as file:
            rows = self._parse(file)
            next(rows, None)
            for number, cells in rows:
                if len(cells) != len(self.header):
                    raise BadDataError(
                        f"{self._path} has a row of another length",
                        expected=f"{len(self.header)} cells, as in its header",
                        got=f"{len(cells)} in line {number}",
                        follows="nothing was ingested",
                        remedy="fix the line; a cell with the separator needs quotes around it",
                    )
                yield number, tuple(cells[place] for place in places)

    def _parse(self, file: TextIO) -> Iterator[tuple[int, list[str]]]:
        lines = _read_lines(file, self._path)
        reader = csv.reader(lines, delimiter=self._separator, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except csv.Error as error:
            _refuse(self._path, f"line {reader.line_num}: {error}", "fix the quotes in that line")


class JsonTable:
    """One JSON object in each line; the columns are the keys of the first."""

    unit = "line"

    def __init__(self, path: InputPath) -> None:
        self._path = path
        self.header: tuple[str, ...] = ()
        with _open(path) as file:
            for _, row in self._parse(file):
                self.header = tuple(row)
                break

    def read_rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each line and its values in these columns."""
        with _open(self._path) as file:
            for number, row in self._parse(file):
                yield number, tuple(self._get_text(row, column, number) for column in columns)

    def _parse(self, file: TextIO) -> Iterator[tuple[int, dict[str, object]]]:
        for number, line in enumerate(_read_lines(file, self._path), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
            except (ValueError, RecursionError) as error:
                _refuse(self._path, f"line {number}: {error}", "write one JSON object in each line")
            if not isinstance(row, dict):
                _refuse(
                    self._path,
                    f"line {number}: a {type(row).__name__}",
                    "write one JSON object in each line",
                )
            yield number, row

    def _get_text(self, row: dict[str, object], column: str, number: int) -> str | None:
        value = row.get(column)
        if value is None or isinstance(value, str):
            return value
        _refuse(
            self._path,
            f"line {number}: {column!r} is {escape_line(repr(value))[:40]}",
            "write texts or numbers",
        )


@contextmanager
def _open(path: InputPath) -> Iterator[TextIO]:
    """Open the text of a file. Bytes that are no UTF-8 stay, as in the names of files."""
    with translate_file_errors(path, _EXPECTED), path.open("rb") as file:
        encoding = _MARKS.get(file.read(2), "utf-8-sig")
        file.seek(0)
        with io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text:
            try:
                yield text
            except UnicodeError as error:
                _refuse(path, str(error), "save the table as UTF-8")


def _read_lines(file: TextIO, path: InputPath) -> Iterator[str]:
    while line := file.readline(_MOST_CHARACTERS + 1):
        if len(line) > _MOST_CHARACTERS:
            _refuse(
                path,
                f"a line of more than {_MOST_CHARACTERS:,} characters",
                "check that it is the table; a row takes one line",
            )
        yield line


def _refuse(path: InputPath, got: str, remedy: str) -> NoReturn:
    raise BadDataError(
        f"{path} cannot be read as a table",
        expected=_EXPECTED,
        got=got,
        follows="nothing was ingested",
        remedy=remedy,
    )
