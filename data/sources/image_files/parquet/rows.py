"""Cut Parquet files into parts, and read the images of a part: memory holds a batch of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.parquet_file import ParquetFile
from data.sources import file_source
from data.sources.file_source import FilePart, ImageFile
from data.sources.image_files.labelled import match_group
from data.sources.image_files.parquet.columns import ParquetColumns
from data.sources.image_files.parquet.labels import Label, read_labels
from data.sources.image_files.parquet.shards import ShardFile
from data.sources.image_files.parts import MOST_BYTES

_SLICE_ROWS = 8192  # a row group of more rows, or of more bytes,
_SLICE_BYTES = 128 << 20
_MOST_SLICES = 8  # is cut: each slice decompresses those before it again
_BATCH_BYTES = 16 << 20  # of images in memory, about
_DICTIONARY_BYTES = 256 << 20  # and at most, where rows may repeat one value


class Rows(NamedTuple):
    """Consecutive rows of consecutive row groups of a file."""

    shard: ShardFile
    groups: tuple[int, ...]
    first: int  # number of the first row in the file, from 0
    skip: int  # rows of the row groups before the first
    count: int
    mean_size: int  # bytes of an image


def cut_file(shard: ShardFile, metadata: Any, contents: str) -> Iterator[tuple[Rows, int]]:
    """Cut a file into rows for one part each, with the bytes of their images.

    Small row groups are taken together, and large ones cut.
    """
    taken: list[int] = []
    first = rows = size = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        count, group_size = group.num_rows, _measure_images(group, contents)
        if taken and (
            rows + count > file_source.PART_FILES or size + group_size > file_source.PART_BYTES
        ):
            yield from _cut_rows(shard, tuple(taken), first, rows, size)
            first, taken, rows, size = first + rows, [], 0, 0
        if count:
            taken.append(index)
            rows, size = rows + count, size + group_size
    if taken:
        yield from _cut_rows(shard, tuple(taken), first, rows, size)


def _measure_images(group: Any, contents: str) -> int:
    chunks = (group.column(index) for index in range(group.num_columns))
    return sum(max(0, c.total_uncompressed_size) for c in chunks if c.path_in_schema == contents)


def _cut_rows(
    shard: ShardFile, groups: tuple[int, ...], first: int, count: int, size: int
) -> Iterator[tuple[Rows, int]]:
    wanted = max(-(-count // _SLICE_ROWS), -(-size // _SLICE_BYTES))
    slices = max(1, min(wanted, _MOST_SLICES, count))
    mean = size // count
    for index in range(slices):
        start, stop = index * count // slices, (index + 1) * count // slices
        rows = Rows(shard, groups, first + start, start, stop - start, mean)
        yield rows, (stop - start) * size // count


def make_parts(cut: Sequence[tuple[Rows, int]]) -> list[FilePart]:
    return [
        FilePart(index=index, files=rows.count, size=size, items=rows)
        for index, (rows, size) in enumerate(cut)
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
        names = [columns.contents, columns.label, *columns.texts]
        if columns.pattern is not None and columns.paths is not None:
            names.append(columns.paths)
        with file.open(read_dictionary=texts) as opened:
            if max(rows.groups) >= opened.num_row_groups:
                file.refuse("fewer row groups than before", "run the same command again")
            batch_rows = self._choose_batch(file, opened.metadata, rows, names)
            start = -rows.skip  # of the batch, counted from the first row
            for batch in opened.iter_batches(
                batch_rows, row_groups=list(rows.groups), columns=names, use_threads=False
            ):
                low, high = max(0, -start), min(len(batch), rows.count - start)
                if low < high:
                    part = batch.slice(low, high - low)
                    yield from self._read_batch(file, rows.shard, part, rows.first + start + low)
                start += len(batch)
                if start >= rows.count:
                    return
            file.refuse(f"{max(0, start):,} rows in place of {rows.count:,} in {rows.groups}")

    def _choose_batch(
        self, file: ParquetFile, metadata: Any, rows: Rows, names: Sequence[str]
    ) -> int:
        """Return how many rows to hold; a small page can refer to one large value many times."""
        dictionary = file.check_pages(metadata, rows.groups, names)
        most = min(
            _BATCH_BYTES // max(1, rows.mean_size), _DICTIONARY_BYTES // max(1, dictionary)
        )
        return max(1, min(file_source.PART_FILES, most))

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
            problem = None
            if isinstance(content, str):
                content, problem = b"", content
            if label is None:
                content, problem = b"", problem or "no label: null or -1"
            group = None if columns.group is None else texts[columns.group][index]
            if columns.group is not None and not group:
                raise self._no_group_error(file, name)
            if paths is not None and columns.pattern is not None:
                group = match_group(columns.pattern, paths[index] or "")
            yield ImageFile(
                name=name,
                content=content,
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
        if None not in values and b"" not in values:
            return values
        return [
            value or self._explain(value, index in long) for index, value in enumerate(values)
        ]

    def _explain(self, value: bytes | None, is_long: bool) -> str:
        if is_long:
            return f"more than {MOST_BYTES >> 20} MiB"
        if value is None:
            return f"no image in the column {self.columns.image!r}: its bytes are null"
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
