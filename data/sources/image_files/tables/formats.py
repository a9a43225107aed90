"""Open a table in the format that the ending of its name says."""

from __future__ import annotations

from pathlib import PurePosixPath

from data.base.visible_text import escape_line
from data.errors import ConfigError
from data.files.input_files import InputPath
from data.sources.image_files.tables.columns import Table
from data.sources.image_files.tables.text import JsonTable, TextTable

_TEXT = (".csv", ".tsv", ".tab")
_JSON = (".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")
ENDINGS = (*_TEXT, *_JSON, *_PARQUET)


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
        from data.sources.image_files.tables.parquet import ParquetTable

        return ParquetTable(path)
    raise ConfigError(
        f"{escape_line(str(path))} has no ending of a table",
        expected=", ".join(ENDINGS),
        got=escape_line(PurePosixPath(path.name).suffix) or "no ending",
        follows="nothing was ingested",
        remedy="give ingest.path the name of a table in one of these formats, not compressed; a "
        "folder is read by --set ingest.source=image_folder",
    )
