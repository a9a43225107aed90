"""Collect the labels of all rows before any image is read: classes, and rows without a label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.parquet.file import ParquetFile
from data.sources.image_files.class_labels import choose_classes
from data.sources.image_files.parquet.columns import ParquetColumns

NO_LABEL = -1  # as `datasets` writes it, in test splits for example
_BATCH = 16_384  # rows in memory
_MOST_LABELS = 100_000  # more are no classes, and memory must not grow with the data

Label = int | str  # as it stands in the data


class LabelCollector:
    """The different labels of all files, each with the place where it stands first."""

    def __init__(self, columns: ParquetColumns) -> None:
        self._columns = columns
        self.labels: dict[Label, str] = {}

    def add(self, name: str, file: ParquetFile) -> int:
        """Read the labels of a file; return how many rows have one.

        Raises:
            BadDataError: the file is damaged, or has too many different labels.
            EnvironmentTrouble: it cannot be read.
        """
        column = self._columns.label
        labelled = start = 0
        options = {} if self._columns.is_number else {"read_dictionary": [column]}
        with file.open(**options) as opened:
            file.check_pages(list(chain.from_iterable(file.list_chunks([column]))))
            for batch in opened.iter_batches(_BATCH, columns=[column], use_threads=False):
                labels = read_labels(file, self._columns, batch.column(column))
                labelled += len(labels) - labels.count(None)
                self._add_new(labels, name, start)
                if len(self.labels) > _MOST_LABELS:
                    file.refuse(
                        f"more than {_MOST_LABELS:,} different labels in the column {column!r}",
                        "--set ingest.label_column=NAME with the column of the classes",
                    )
                start += len(labels)
            if start != opened.metadata.num_rows:
                file.refuse(f"{start:,} labels, and a header of {opened.metadata.num_rows:,} rows")
        return labelled

    def _add_new(self, labels: Sequence[Label | None], name: str, start: int) -> None:
        """Add the labels that no batch had before, each with its first row."""
        new = set(labels) - self.labels.keys() - {None}
        for row, label in enumerate(labels) if new else ():
            if label is not None and label in new:
                new.discard(label)
                self.labels[label] = f"{name}#{start + row}"

    def choose_classes(
        self, given: tuple[str, ...] | None, where: str
    ) -> tuple[Sequence[str], dict[Label, str]]:
        """Return the names of the classes in their order, and the class of each label.

        Integers are numbers of the schema's names, else of the given ones; without either they
        are names themselves.

        Raises:
            BadDataError: a label without a class, or labels that no class can have.
        """
        names = self._columns.names
        numbered = names or given if self._columns.is_number else None
        texts = {label: self._name(label, numbered) for label in self.labels}
        places = {text: self.labels[label] for label, text in texts.items()}
        order = given
        if given is None and names is not None:
            places |= {name: f"the schema of {where}" for name in names if name not in places}
            order = names
        chosen, classes = choose_classes(places, order, where)
        return chosen, {label: classes[text] for label, text in texts.items()}

    def _name(self, label: Label, names: tuple[str, ...] | None) -> str:
        if names is None or isinstance(label, str):
            return str(label)
        if 0 <= label < len(names):
            return names[label]
        what = "the schema" if self._columns.names else "ingest.class_names"
        raise BadDataError(
            f"{escape_line(self.labels[label])} has a label that is no number of a class",
            expected=f"0 to {len(names) - 1}, since {what} names {len(names)} classes, or "
            f"{NO_LABEL} for no label",
            got=label,
            follows="nothing was ingested",
            remedy="fix the row, or the names of the classes",
        )


def read_labels(file: ParquetFile, columns: ParquetColumns, cells: Any) -> list[Label | None]:
    """Return the labels of a column as they stand in the data; None: null or `NO_LABEL`."""
    if not columns.is_number:
        return list(file.get_texts(cells, columns.label))
    return [None if label == NO_LABEL else label for label in cells.to_pylist()]
