"""Read the rows of a Parquet table, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from data.files.input_files import InputPath
from data.files.parquet.file import ParquetFile, is_text
from data.sources.image_files.tables.columns import Cells

_BATCH = 16_384  # rows in memory


class ParquetTable:
    """Columns of text, of integers, or of dictionaries of these."""

    unit = "row"

    def __init__(self, path: InputPath) -> None:
        expected = "a Parquet file with columns of text and integers"
        self._file = ParquetFile(path, "a table", expected)
        with self._file.open() as table:
            self.header = tuple(table.schema_arrow.names)

    def read_rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each row, from 1, and its values in these columns."""
        import pyarrow as pa

        file = self._file
        with file.open() as table:
            kinds = {name: table.schema_arrow.field(name).type for name in columns}
            file.check_pages(list(chain.from_iterable(file.list_chunks(columns))))
        texts = [name for name, kind in kinds.items() if is_text(kind)]
        for name, kind in kinds.items():
            inner = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (is_text(inner) or pa.types.is_integer(inner)):
                file.refuse(f"column {name!r} of {kind}", "write the column as text or integers")
        number = 0
        # of a dictionary memory holds each value once, however often it occurs
        with file.open(read_dictionary=texts) as table:
            for batch in table.iter_batches(_BATCH, columns=list(columns), use_threads=False):
                values = [file.get_texts(batch.column(name), name) for name in columns]
                for cells in zip(*values, strict=True):
                    number += 1
                    yield number, cells
            if number != table.metadata.num_rows:
                file.refuse(f"{number:,} rows, and a header of {table.metadata.num_rows:,}")
