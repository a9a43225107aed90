"""Cut Parquet files into parts, and read the images of a part: memory holds a batch of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.parquet.file import ParquetFile
from data.files.parquet.pages import Chunk
from data.sources.file_source import FilePart, ImageFile
from data.sources.image_files.labelled import match_group
from data.sources.image_files.parquet.columns import ParquetColumns
from data.sources.image_files.parquet.labels import Label, read_labels
from data.sources.image_files.parquet.shards import ShardFile
from data.sources.image_files.parts import MOST_BYTES

# Each part reads the footer again, which tells of all row groups, so that parts are not small.
_PART_ROWS = 8192  # most rows of a part,
_PART_BYTES = 128 << 20  # and about the most bytes of images
_MOST_SLICES = 8  # of a larger row group: each slice decompresses those before it again
_BATCH_ROWS = 512  # most rows in memory,
_BATCH_BYTES = 16 << 20  # and about the most bytes of images,
_DICTIONARY_BYTES = 256 << 20  # and at most, where rows may repeat one value


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of consecutive row groups of a file."""

    shard: ShardFile
    groups: tuple[int, ...]
    first: int  # number of the first row in the file, from 0
    skip: int  # rows of the row groups before the first
    count: int
    size: int  # bytes of the images, about
    chunks: tuple[Chunk, ...]  # of the columns that are read


def cut_file(
    shard: ShardFile, counts: Sequence[int], chunks: Sequence[Sequence[Chunk]], contents: str
) -> Iterator[Rows]:
    """Cut a file into rows for one part each: small row groups are taken together, large ones cut.

    Args:
        shard: the file.
        counts: rows of each row group.
        chunks: of each row group, those of the columns that are read.
        contents: path in the schema of the images' bytes.
    """
    taken: list[int] = []
    first = rows = size = 0

    def cut() -> Iterator[Rows]:
        held = tuple(chunk for index in taken for chunk in chunks[index])
        return _cut_rows(Rows(shard, tuple(taken), first, 0, rows, size, held))

    for index, count in enumerate(counts):
        group_size = sum(chunk.size for chunk in chunks[index] if chunk.path == contents)
        if taken and (rows + count > _PART_ROWS or size + group_size > _PART_BYTES):
            yield from cut()
            first, taken, rows, size = first + rows, [], 0, 0
        if count:
            taken.append(index)
            rows, size = rows + count, size + group_size
    if taken:
        yield from cut()


def _cut_rows(rows: Rows) -> Iterator[Rows]:
    wanted = max(-(-rows.count // _PART_ROWS), -(-rows.size // _PART_BYTES))
    slices = max(1, min(wanted, _MOST_SLICES, rows.count))
    for index in range(slices):
        start, stop = (number * rows.count // slices for number in (index, index + 1))
        yield replace(
            rows, first=rows.first + start, skip=start, count=stop - start, size=rows.size // slices
        )


def make_parts(cut: Sequence[Rows]) -> list[FilePart]:
    return [
        FilePart(index=index, files=rows.count, size=rows.size, items=rows)
        for index, rows in enumerate(cut)
    ]


@dataclass(frozen=True)
class RowReader:
    """Reads the rows of any part; it is pickled to workers."""

    columns: ParquetColumns
    classes: Mapping[Label, str]

    def read(self, file: ParquetFile, rows: Rows) -> Iterator[ImageFile]:
        """Read rows in order; a row without an image or a label is yielded with its problem.

        Raises:
            BadDataError: the file is damaged or has changed, or a row has no group.
            EnvironmentTrouble: it cannot be read.
        """
        columns = self.columns
        texts = [*columns.texts, *(() if columns.is_number else (columns.label,))]
        with file.open(read_dictionary=texts) as opened:
            if max(rows.groups) >= opened.num_row_groups:
                file.refuse("fewer row groups than before", "run the same command again")
            batch_rows = _choose_batch(rows, file.check_pages(rows.chunks))
            start = -rows.skip  # of the batch, counted from the first row
            for batch in opened.iter_batches(
                batch_rows,
                row_groups=list(rows.groups),
                columns=columns.names_read,
                use_threads=False,
            ):
                low, high = max(0, -start), min(len(batch), rows.count - start)
                if low < high:
                    part = batch.slice(low, high - low)
                    yield from self._read_batch(file, rows.shard, part, rows.first + start + low)
                start += len(batch)
                if start >= rows.count:
                    return
            file.refuse(f"{max(0, start):,} rows in place of {rows.count:,} in {rows.groups}")

    def _read_batch(
        self, file: ParquetFile, shard: ShardFile, batch: Any, first: int
    ) -> Iterator[ImageFile]:
        columns = self.columns
        contents = self._read_contents(batch)
        labels = read_labels(file, columns, batch.column(columns.label))
        texts = {name: file.get_texts(batch.column(name), name) for name in columns.texts}
        paths = self._read_paths(batch) if columns.pattern is not None else None
        for index, (content, label) in enumerate(zip(contents, labels, strict=True)):
            name = f"{shard.name}#{first + index}"
            problem = content if isinstance(content, str) else None
            if label is None:
                problem = problem or "no label: null or -1"
            group = None if columns.group is None else texts[columns.group][index]
            if columns.group is not None and not group:
                raise self._no_group_error(file, name)
            if paths is not None and columns.pattern is not None:
                group = match_group(columns.pattern, paths[index] or "")
            yield ImageFile(
                name=name,
                content=b"" if problem or isinstance(content, str) else content,
                label="" if label is None else self._get_class(label, name),
                split=shard.split,
                group=group,
                features={feature: texts[feature][index] or "" for feature in columns.features},
                problem=problem,
            )

    def _read_contents(self, batch: Any) -> list[bytes | str]:
        """Return the bytes of each image, or why there are none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = batch.column(self.columns.image)
        if pa.types.is_struct(cells.type):
            cells = pc.struct_field(cells, "bytes")
        too_long = pc.greater(pc.binary_length(cells), MOST_BYTES)
        if pc.any(too_long).as_py():
            long = set(pc.indices_nonzero(too_long).to_pylist())
            values = [None if i in long else cell.as_py() for i, cell in enumerate(cells)]
        else:
            long, values = set(), cells.to_pylist()
        return [value or self._explain(value, index in long) for index, value in enumerate(values)]

    def _explain(self, value: bytes | None, is_long: bool) -> str:
        if is_long:
            return f"more than {MOST_BYTES >> 20} MiB"
        if value is None:
            return (
                f"no image in the column {self.columns.image!r}: its bytes are null. The library "
                "datasets embeds images in push_to_hub(), but in to_parquet() only their paths"
            )
        return "an empty file"

    def _read_paths(self, batch: Any) -> list[str | None]:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = pc.struct_field(batch.column(self.columns.image), "path")
        raw = cells.cast(pa.large_binary()).to_pylist()
        return [None if v is None else v.decode(errors="surrogateescape") for v in raw]

    def _get_class(self, label: Label, name: str) -> str:
        if label in self.classes:
            return self.classes[label]
        raise BadDataError(
            f"{escape_line(name)} has a label that was not there before",
            expected="files that nobody changes while they are read",
            got=repr(label),
            follows="nothing was ingested",
            remedy="run the same command again",
        )

    def _no_group_error(self, file: ParquetFile, name: str) -> BadDataError:
        return BadDataError(
            f"{escape_line(name)} has no group",
            expected=f"a value in the column {self.columns.group!r}",
            got="an empty cell",
            follows="nothing was ingested",
            remedy="fix the row or remove it; check that ingest.group names the right column",
        )


def _choose_batch(rows: Rows, dictionary: int) -> int:
    """Return how many rows to hold; a small page can refer to a large value many times."""
    mean = max(1, rows.size // rows.count)
    most = min(_BATCH_BYTES // mean, _DICTIONARY_BYTES // max(1, dictionary))
    return max(1, min(_BATCH_ROWS, most))
