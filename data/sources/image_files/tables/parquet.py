"""Read the rows of a Parquet table, in batches; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from data.base.visible_text import escape_line
from data.errors import BadDataError, summarize_error
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.sources.image_files.tables.columns import Cells

_BATCH = 16_384  # rows in memory
_MOST_CHARACTERS = 1 << 16  # of a cell
_MOST_ROWS_PER_BYTE = 64  # of the file: more rows cannot name different files
_EXPECTED = "a Parquet file with columns of text and integers"


class ParquetTable:
    """Columns of text, of integers, or of dictionaries of these."""

    unit = "row"

    def __init__(self, path: InputPath) -> None:
        self._path = path
        with self._open() as file:
            self.header = tuple(file.schema_arrow.names)

    def read_rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each row, from 1, and its values in these columns."""
        import pyarrow as pa

        with self._open() as file:
            kinds = {name: file.schema_arrow.field(name).type for name in columns}
        texts = [name for name, kind in kinds.items() if _is_text(kind)]
        for name, kind in kinds.items():
            inner = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (_is_text(inner) or pa.types.is_integer(inner)):
                self._refuse(f"column {name!r} of {kind}", "write the column as text or integers")
        number = 0
        # of a dictionary memory holds each value once, however often it occurs
        with self._open(read_dictionary=texts) as file:
            for batch in file.iter_batches(_BATCH, columns=list(columns), use_threads=False):
                values = [self._get_texts(batch.column(name), name) for name in columns]
                for cells in zip(*values, strict=True):
                    number += 1
                    yield number, cells
            if number != file.metadata.num_rows:
                rows = f"{number:,} rows, and a header of {file.metadata.num_rows:,}"
                self._refuse(rows, "write the table again")

    def _get_texts(self, column: Any, name: str) -> list[str | None]:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_dictionary(column.type):
            return [None if value is None else str(value) for value in column.to_pylist()]
        used = column.indices.unique().drop_null()
        values = column.dictionary.take(used)
        if not _is_text(values.type):
            texts = [None if value is None else str(value) for value in values.to_pylist()]
        else:
            if (pc.max(pc.binary_length(values)).as_py() or 0) > _MOST_CHARACTERS:
                self._refuse(
                    f"more than {_MOST_CHARACTERS:,} bytes in a cell of {name!r}",
                    "check that it is the table",
                )
            raw = values.cast(pa.large_binary()).to_pylist()
            texts = [v if v is None else v.decode(errors="surrogateescape") for v in raw]
        by_index = dict(zip(used.to_pylist(), texts, strict=True))
        return [by_index.get(index) for index in column.indices.to_pylist()]

    @contextmanager
    def _open(self, **options: Any) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with translate_file_errors(self._path, _EXPECTED), self._path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            try:
                table = pq.ParquetFile(file, buffer_size=1 << 20, **options)
                if not 0 <= table.metadata.num_rows <= size * _MOST_ROWS_PER_BYTE:
                    rows = f"{table.metadata.num_rows:,} rows in {size:,} bytes"
                    self._refuse(rows, "write the table again")
                yield table
            except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                self._refuse(summarize_error(error), "write the table again")

    def _refuse(self, got: str, remedy: str) -> NoReturn:
        raise BadDataError(
            f"{escape_line(str(self._path))} cannot be read as a table",
            expected=_EXPECTED,
            got=escape_line(got),
            follows="nothing was ingested",
            remedy=remedy,
        )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
