"""Open Parquet files of others: damage and hostile sizes are errors; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from data.base.visible_text import escape_line
from data.errors import BadDataError, summarize_error
from data.files.input_files import InputPath
from data.files.parquet.pages import Chunk, check_pages, read_chunks
from data.files.read_errors import translate_file_errors

_BUFFER = 1 << 20  # bytes that are read at a time
_MOST_CHARACTERS = 1 << 16  # of a cell of text
_MOST_ROWS_PER_BYTE = 64  # of the file: more rows cannot name different images


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file, and how messages name it."""

    path: InputPath
    what: str  # what it cannot be read as: "a table"
    expected: str

    @contextmanager
    def open(self, **options: Any) -> Iterator[Any]:
        """Open it as a `pyarrow.parquet.ParquetFile`, whose columns are read page by page.

        Raises:
            BadDataError: it is damaged, also where it is read within the block.
            EnvironmentTrouble: it cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with translate_file_errors(self.path, self.expected), self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            try:
                opened = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False, **options)
                self._check_rows(opened.metadata, size)
                yield opened
            except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                self.refuse(summarize_error(error))

    def list_chunks(self, columns: Sequence[str]) -> list[list[Chunk]]:
        """Return the chunks of columns in each row group.

        Args:
            columns: paths in the schema, such as image.bytes; with all that lies below them.

        Raises:
            BadDataError: the footer is damaged.
            EnvironmentTrouble: the file cannot be read.
        """
        with self._read() as file:
            groups = read_chunks(file)
        below = tuple(f"{column}." for column in columns)
        return [
            [chunk for chunk in group if chunk.path in columns or chunk.path.startswith(below)]
            for group in groups
        ]

    def check_pages(self, chunks: Sequence[Chunk]) -> int:
        """Check the pages of chunks before they are read.

        Returns:
            The bytes of the largest dictionary, or 0.

        Raises:
            BadDataError: a page claims far more memory than it has bytes.
            EnvironmentTrouble: the file cannot be read.
        """
        with self._read() as file:
            return check_pages(file, chunks)

    @contextmanager
    def _read(self) -> Iterator[IO[bytes]]:
        with translate_file_errors(self.path, self.expected), self.path.open("rb") as file:
            try:
                yield file
            except (ValueError, OverflowError) as error:
                self.refuse(summarize_error(error))

    def count_rows(self, metadata: Any) -> list[int]:
        """Return the rows of each row group."""
        return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]

    def _check_rows(self, metadata: Any, size: int) -> None:
        counts = self.count_rows(metadata)
        if not 0 <= metadata.num_rows <= size * _MOST_ROWS_PER_BYTE:
            self.refuse(f"{metadata.num_rows:,} rows in {size:,} bytes")
        if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
            self.refuse(f"{metadata.num_rows:,} rows, and {sum(counts):,} in its row groups")

    def get_texts(self, column: Any, name: str) -> list[str | None]:
        """Return the cells of a column of text or integers as text; of a dictionary each once.

        Raises:
            BadDataError: a cell of more than 65,536 bytes.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_dictionary(column.type):
            return [None if value is None else str(value) for value in column.to_pylist()]
        used = column.indices.unique().drop_null()
        values = column.dictionary.take(used)
        if not is_text(values.type):
            texts = [None if value is None else str(value) for value in values.to_pylist()]
        else:
            if (pc.max(pc.binary_length(values)).as_py() or 0) > _MOST_CHARACTERS:
                self.refuse(
                    f"more than {_MOST_CHARACTERS:,} bytes in a cell of {name!r}",
                    "check that it is the right column",
                )
            raw = values.cast(pa.large_binary()).to_pylist()
            texts = [v if v is None else v.decode(errors="surrogateescape") for v in raw]
        by_index = dict(zip(used.to_pylist(), texts, strict=True))
        return [by_index.get(index) for index in column.indices.to_pylist()]

    def refuse(self, got: str, remedy: str = "write or download the file again") -> NoReturn:
        """Raise BadDataError: the file cannot be read."""
        raise BadDataError(
            f"{escape_line(str(self.path))} cannot be read as {self.what}",
            expected=self.expected,
            got=escape_line(got),
            follows="nothing was ingested",
            remedy=remedy,
        )


def is_text(kind: Any) -> bool:
    """Return whether a type of pyarrow's is text or bytes."""
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
