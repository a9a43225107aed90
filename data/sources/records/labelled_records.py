"""List the records of TFRecord files once, with their labels, and read them in pieces."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.sources.arrays.class_names import infer_class_names
from data.sources.image_files.class_labels import choose_classes
from data.sources.records.example_message import parse_example
from data.sources.records.features import Columns, describe_features
from data.sources.records.record_files import RecordFile
from data.sources.records.record_stream import FIRST, Position, is_compressed, read_records
from data.sources.source_config import SourceConfig

MOST_LABELS = 65_536  # different ones: more are no classes
Label = int | str


class Piece(NamedTuple):
    """Records of a file that are read from the first to the last."""

    start: Position
    images: int  # records
    size: int  # bytes of the records


class PieceLimits(NamedTuple):
    """Where a file is cut."""

    records: int
    size: int  # bytes
    cut_compressed: bool  # whether compressed files are cut too


class FileRecords(NamedTuple):
    """What one pass over a file found."""

    pieces: Sequence[Piece]
    labels: Mapping[Label, tuple[int, int]]  # → number of records, and the first of them


class LabelledExample(NamedTuple):
    """A record that was read."""

    record: int  # number in its file, from 0
    features: Mapping[str, Any]
    label: int  # index of the class


@dataclass(frozen=True)
class Classes:
    """The classes of all files."""

    names: tuple[str, ...]
    indices: Mapping[Label, int]  # label in the data → index of the class


class LabelledRecords:
    """The records of some files. What was found of them is pickled, but not the open file."""

    def __init__(
        self,
        files: Sequence[RecordFile],
        columns: Columns,
        config: SourceConfig,
        limits: PieceLimits,
    ) -> None:
        self.columns = columns
        self._files = files
        self._config = config
        self._limits = limits
        # Where the last piece of a compressed file ended: the next one goes on from there.
        self._cursor: tuple[InputPath, int, Iterator[tuple[Position, bytes]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "scans"}
        return {**state, "_cursor": None}

    @functools.cached_property
    def scans(self) -> Sequence[tuple[RecordFile, FileRecords]]:
        """All files with their pieces and labels, in their order."""
        return [(file, _scan(file.path, self.columns, self._limits)) for file in self._files]

    @functools.cached_property
    def classes(self) -> Classes:
        """The classes of all labels of all files.

        Raises:
            BadDataError: labels that are no classes, or fewer than two of them.
        """
        first: dict[Label, str] = {}
        counts: Counter[int] = Counter()
        for file, scan in self.scans:
            for label, (count, record) in scan.labels.items():
                place = f"record {record:,} of {file.name}"
                first.setdefault(label, place)
                if isinstance(label, int):
                    counts[label - self._config.first_label] += count
        _check_labels(first)
        where = f"the feature {escape_line(self.columns.label)!r}"
        given = self._config.class_names
        if counts:
            names = infer_class_names(counts, given, where, self._config.first_label)
            return Classes(names, {i + self._config.first_label: i for i in range(len(names))})
        names, by_label = choose_classes({str(k): v for k, v in first.items()}, given, where)
        return Classes(names, {label: names.index(name) for label, name in by_label.items()})

    def read(self, path: InputPath, piece: Piece) -> Iterator[LabelledExample]:
        """Read a piece in order.

        Raises:
            BadDataError: a record is damaged, lacks its label or has one that is no class, or the
                file was changed.
            EnvironmentTrouble: the file cannot be read.
        """
        records = self._open(path, piece.start)
        for number in range(piece.start.record, piece.start.record + piece.images):
            features = _parse(path, next(records, (None, None))[1], number)
            label = _read_label(path, number, features, self.columns)
            index = self.classes.indices.get(label)
            if index is None:
                raise unfit_record_error(
                    path, number, "a label that was there when the records were counted", label
                )
            yield LabelledExample(number, features, index)
        self._cursor = (path, piece.start.record + piece.images, records)

    def _open(self, path: InputPath, start: Position) -> Iterator[tuple[Position, bytes]]:
        cursor, self._cursor = self._cursor, None
        if cursor is not None and cursor[:2] == (path, start.record):
            return cursor[2]
        return read_records(path, start)


def unfit_record_error(path: InputPath, record: int, expected: str, got: object) -> BadDataError:
    """Return the error for a record that is not as all records must be."""
    return BadDataError(
        f"record {record:,} of {escape_line(str(path))} cannot be used",
        expected=expected,
        got=escape_line(str(got)),
        follows="nothing was ingested",
        remedy="write the file again with the same features in each record, or name other features "
        "by ingest.image_column and ingest.label_column",
    )


def read_first_example(files: Sequence[RecordFile]) -> tuple[str, Mapping[str, Any]]:
    """Return where the first record of all files is, and its features.

    Raises:
        BadDataError: there is none, or it is damaged.
    """
    for file in files:
        for position, content in read_records(file.path):
            return f"record {position.record} of {escape_line(file.name)}", _parse(
                file.path, content, position.record
            )
    raise BadDataError(
        f"{escape_line(files[0].name)}{' and the other files' if len(files) > 1 else ''} "
        f"{'have' if len(files) > 1 else 'has'} no records",
        expected="a tf.Example for each image",
        got=f"{len(files):,} empty file{'' if len(files) == 1 else 's'}",
        follows="nothing was ingested",
        remedy="check ingest.path, and that the writer was closed",
    )


def _scan(path: InputPath, columns: Columns, limits: PieceLimits) -> FileRecords:
    if not isinstance(path, Path):
        return _scan_file.__wrapped__(path, columns, limits, None)
    with translate_file_errors(escape_line(str(path)), "a file of TFRecords"):
        status = path.stat()
    identity = (status.st_size, status.st_mtime_ns, status.st_ino)
    return _scan_file(path, columns, limits, identity)


@functools.lru_cache(maxsize=4096)  # the plan asks, and the step: a file that did not change
def _scan_file(
    path: InputPath, columns: Columns, limits: PieceLimits, identity: object
) -> FileRecords:
    """Read all records of a file once; keep where its pieces begin, and its labels."""
    labels: dict[Label, tuple[int, int]] = {}
    pieces: list[Piece] = []
    start = end = FIRST
    cut = limits.cut_compressed or not is_compressed(path)
    for position, content in read_records(path):
        size = position.offset - start.offset
        count = position.record - start.record
        if cut and count and (count >= limits.records or size >= limits.size):
            pieces.append(Piece(start, count, size))
            start = position
        label = _read_label(path, position.record, _parse(path, content, position.record), columns)
        seen, first = labels.get(label, (0, position.record))
        labels[label] = seen + 1, first
        if len(labels) > MOST_LABELS:
            _check_labels(labels)
        end = Position(position.record + 1, position.offset + len(content))
    if end.record > start.record:
        pieces.append(Piece(start, end.record - start.record, end.offset - start.offset))
    return FileRecords(pieces, labels)


def _parse(path: InputPath, content: bytes | None, record: int) -> Mapping[str, Any]:
    try:
        if content is None:
            raise ValueError("the end of the file")
        return parse_example(content)
    except ValueError as error:
        raise unfit_record_error(path, record, "a tf.Example", error) from error


def _read_label(
    path: InputPath, record: int, features: Mapping[str, Any], columns: Columns
) -> Label:
    try:
        return columns.read_label(features)
    except ValueError as error:
        expected = f"one int64 or one name as the label in {columns.label!r}"
        got = f"{error}; the record has {describe_features(features)}"
        raise unfit_record_error(path, record, expected, got) from error


def _check_labels(labels: Mapping[Label, Any]) -> None:
    kinds = {type(label) for label in labels}
    if len(labels) <= MOST_LABELS and len(kinds) == 1:
        return
    numbers = [label for label in labels if isinstance(label, int)]
    names = [label for label in labels if isinstance(label, str)]
    raise BadDataError(
        "the labels are no classes",
        expected=f"at most {MOST_LABELS:,} different labels, all numbers or all names",
        got=f"both {numbers[0]} and {escape_line(names[0])!r}"
        if len(kinds) == 2
        else f"{len(labels):,} different ones",
        follows="nothing was ingested",
        remedy="name the feature of the class by ingest.label_column",
    )
