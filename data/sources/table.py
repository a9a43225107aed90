"""Read image files that a table lists: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from data.base.visible_text import escape_line
from data.errors import ConfigError
from data.files.input_files import InputPath, RemotePath, resolve_input_path
from data.sources.image_files.class_labels import choose_classes
from data.sources.image_files.labelled import (
    Dataset,
    refuse_divided_groups,
    refuse_shared_files,
)
from data.sources.image_files.listed_source import ListedSource
from data.sources.image_files.table_columns import Table, choose_columns
from data.sources.image_files.table_files import find_files
from data.sources.image_files.table_rows import collect_rows
from data.sources.image_files.table_text import JsonTable, TextTable
from data.sources.source import SourceConfig

_TEXT = (".csv", ".tsv", ".tab")
_JSON = (".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")


class TableSource(ListedSource):
    """Reads the files that the rows of the table `ingest.path` name.

    Paths are relative to `ingest.images`, or to the folder of the table.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("table")
        self._config = config
        self._table = resolve_input_path(config.path, config.beam_args)
        images = config.images
        folder = _get_folder(self._table)
        super().__init__(resolve_input_path(images, config.beam_args) if images else folder)

    def list_dataset(self) -> Dataset:
        config, where = self._config, escape_line(str(self._table))
        table = open_table(self._table)
        columns = choose_columns(table.header, config, where)
        rows = collect_rows(table, columns, where, self._folder, config.class_names)
        class_names, classes = choose_classes(
            {label: f"{table.unit} {number} of {where}" for label, number in rows.labels.items()},
            config.class_names,
            where,
        )
        files, left_out = find_files(
            rows, self._folder, self._table, table.unit, everything=config.images is not None
        )
        files = [file._replace(label=classes[file.label]) for file in files]
        refuse_shared_files(files)
        refuse_divided_groups(files)
        left_out = sorted([*left_out, *rows.repeated])
        return Dataset(class_names, files, left_out, columns.describe())


def open_table(path: InputPath) -> Table:
    """Open a table, by the ending of its name.

    Raises:
        ConfigError: another ending.
        BadDataError: it does not exist, or is no such table.
        EnvironmentTrouble: it cannot be read.
    """
    name = path.name.lower()
    if name.endswith(_TEXT):
        return TextTable(path)
    if name.endswith(_JSON):
        return JsonTable(path)
    if name.endswith(_PARQUET):
        from data.sources.image_files.table_parquet import ParquetTable

        return ParquetTable(path)
    raise ConfigError(
        f"{escape_line(str(path))} has no ending of a table",
        expected=", ".join((*_TEXT, *_JSON, *_PARQUET)),
        got=escape_line(PurePosixPath(path.name).suffix) or "no ending",
        follows="nothing was ingested",
        remedy="give ingest.path the name of a table in one of these formats, not compressed; a "
        "folder is read by --set ingest.source=image_folder",
    )


def _get_folder(table: InputPath) -> InputPath:
    if isinstance(table, Path):
        return table.parent
    return RemotePath(table.url.rpartition("/")[0], table.beam_args)
