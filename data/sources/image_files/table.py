"""Read image files that a table lists: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from data.base.visible_text import escape_line
from data.files.input_files import resolve_input_path
from data.sources.image_files.class_labels import choose_classes
from data.sources.image_files.labelled import (
    Dataset,
    refuse_divided_groups,
    refuse_shared_files,
)
from data.sources.image_files.listed_source import ListedSource
from data.sources.image_files.tables.columns import choose_columns
from data.sources.image_files.tables.files import find_files
from data.sources.image_files.tables.formats import open_table
from data.sources.image_files.tables.rows import collect_rows
from data.sources.source_config import SourceConfig


class TableSource(ListedSource):
    """Reads the files that the rows of the table `ingest.path` name.

    Paths are relative to `ingest.images`, or to the folder of the table.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("table")
        self._config = config
        self._table = resolve_input_path(config.path, config.beam_args)
        images = config.images
        folder = self._table.parent
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
