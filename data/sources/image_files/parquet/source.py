"""Read images that lie in Parquet files with their labels, as Hugging Face keeps datasets."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.parquet.file import ParquetFile
from data.sources.file_source import FilePart, ImageFile, LeftOut
from data.sources.image_files.parquet.columns import ParquetColumns, choose_columns
from data.sources.image_files.parquet.labels import LabelCollector
from data.sources.image_files.parquet.rows import RowReader, Rows, cut_file, make_parts
from data.sources.image_files.parquet.shards import ShardFile, Shards, find_shards
from data.sources.source_config import SourceConfig


class _Listing(NamedTuple):
    shards: Shards
    class_names: Sequence[str]
    cut: Sequence[Rows]
    reader: RowReader


class ParquetSource:
    """Reads the rows of `ingest.path`, a Parquet file or a folder of them; a row is an image.

    An image is the bytes of a file, in a column of binary or of struct<bytes: binary, …>.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("parquet")
        self._config = config
        self._path = resolve_input_path(config.path, config.beam_args)

    @functools.cached_property
    def _listing(self) -> _Listing:
        return _list_rows(self._path, self._config)

    @functools.cached_property
    def _reading(self) -> tuple[InputPath, RowReader]:
        """The folder of the files, and what reads them: all that workers need."""
        return self._listing.shards.folder, self._listing.reader

    def class_names(self) -> Sequence[str]:
        return self._listing.class_names

    def list_parts(self) -> list[FilePart]:
        return make_parts(self._listing.cut)

    def left_out(self) -> Sequence[LeftOut]:
        return self._listing.shards.left_out

    def given_splits(self) -> set[str | None]:
        return {rows.shard.split for rows in self._listing.cut}

    def describe(self) -> str:
        shards, reader = self._listing.shards, self._listing.reader
        return ", ".join(filter(None, (reader.columns.describe(), shards.described)))

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        folder, reader = self._reading
        return reader.read(_open(folder, part.items.shard), part.items)

    def __getstate__(self) -> dict[str, Any]:
        if "_listing" in vars(self):
            self._reading  # noqa: B018  (kept: a worker should not list again)
        return {name: value for name, value in vars(self).items() if name != "_listing"}


def _open(folder: InputPath, shard: ShardFile) -> ParquetFile:
    return ParquetFile(folder / shard.name, "images", "a Parquet file with a column of images")


def _list_rows(path: InputPath, config: SourceConfig) -> _Listing:
    """Read footers and labels of all files."""
    where = escape_line(str(path))
    shards = find_shards(path, config.splits)
    columns = _choose_columns(shards, config)
    collector = LabelCollector(columns)
    cut: list[Rows] = []
    rows, labelled = Counter[str](), Counter[str]()
    for shard in shards.files:
        file = _open(shards.folder, shard)
        with file.open() as opened:
            counts = file.count_rows(opened.metadata)
        chunks = file.list_chunks(columns.names_read)
        if len(chunks) != len(counts):
            file.refuse(f"{len(counts):,} row groups, and {len(chunks):,} in the footer")
        cut.extend(cut_file(shard, counts, chunks, columns.contents))
        rows[shard.own_split] += sum(counts)
        labelled[shard.own_split] += collector.add(shard.name, file)
    for split, count in rows.items():
        if count and not labelled[split]:
            raise _no_labels_error(where, split, count, shards.files)
    class_names, classes = collector.choose_classes(config.class_names, where)
    return _Listing(shards, class_names, cut, RowReader(columns, classes))


def _choose_columns(shards: Shards, config: SourceConfig) -> ParquetColumns:
    """Choose the columns, which all files must have alike."""
    first: tuple[str, ParquetColumns] | None = None
    for shard in shards.files:
        with _open(shards.folder, shard).open() as opened:
            where = escape_line(str(shards.folder / shard.name))
            columns = choose_columns(opened.schema_arrow, config, where)
        if first is None:
            first = shard.name, columns
        elif columns != first[1]:
            raise _different_columns_error(first, (shard.name, columns))
    assert first is not None
    return first[1]


def _different_columns_error(
    first: tuple[str, ParquetColumns], other: tuple[str, ParquetColumns]
) -> BadDataError:
    texts = []
    for name, columns in (first, other):
        kind = "integers" if columns.is_number else "text"
        names = "no class names" if columns.names is None else f"{len(columns.names)} class names"
        if columns.names is not None:
            names += f" ({', '.join(columns.names[:8])}{', …' if len(columns.names) > 8 else ''})"
        texts.append(
            f"{name}: images in {columns.contents!r}, labels in {columns.label!r} of {kind}, "
            f"{names}"
        )
    return BadDataError(
        "two Parquet files differ in their columns or their class names",
        expected="the same in all files of a dataset",
        got=escape_line("; ".join(texts)),
        follows="nothing was ingested",
        remedy="set ingest.path to the folder of one dataset, or write the files again",
    )


def _no_labels_error(
    where: str, split: str, count: int, files: Sequence[ShardFile]
) -> BadDataError:
    others = dict.fromkeys(file.own_split for file in files if file.own_split != split)
    first = next(iter(others), "…")
    return BadDataError(
        f"no row of the split {escape_line(split)} of {where} has a label",
        expected="a label in each row",
        got=f"{count:,} rows whose label is null or -1, which says that there is none",
        follows="nothing was ingested",
        remedy=f"leave the split out: --set ingest.splits='{{train = \"{escape_line(first)}\"}}'",
    )
