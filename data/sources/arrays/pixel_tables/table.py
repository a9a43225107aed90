"""Read one table of pixels: look at all of it once, then read it from any of some places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import look_at_file, open_bytes, wrong_length_error
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.class_names import count_labels
from data.sources.arrays.labelled_images import PART_IMAGES, no_images_error
from data.sources.arrays.pixel_tables.blocks import (
    BYTE_ORDER_MARK,
    MOST_LINE_BYTES,
    long_line_error,
    read_blocks,
)
from data.sources.arrays.pixel_tables.cells import Rows, parse_block
from data.sources.arrays.pixel_tables.columns import (
    Columns,
    choose_columns,
    parse_header,
)
from data.sources.arrays.pixel_tables.shape import choose_shape
from data.sources.source import Chunk, chunk_size
from data.sources.source_config import SourceConfig

_EXPECTED = "a table with a label and one column for each pixel"


class Place(NamedTuple):
    """Where a worker may begin to read: the beginning of a line."""

    image: int  # of the first row from here on
    offset: int  # bytes in the file
    line: int


class Opened(NamedTuple):
    """What the first line of a table says."""

    path: InputPath
    is_stream: bool  # gzip: it is read from its beginning
    header: tuple[str, ...] | None
    num_columns: int
    columns: Columns | None  # None: it has no label
    start: Place  # of the first row


@dataclass(frozen=True)
class PixelTable:
    """The images of a table, in the order of its rows: `Labelled`."""

    path: InputPath
    is_stream: bool
    columns: Columns
    image_shape: tuple[int, ...]
    num_images: int
    label_counts: Counter[int] = field(repr=False)
    places: tuple[Place, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return escape_line(str(self.path))

    label_name = name

    @property
    def starts(self) -> Sequence[int]:
        return [place.image for place in self.places]

    def count_labels(self) -> Counter[int]:
        return self.label_counts

    def read(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        place = next(place for place in self.places if place.image == start)
        step, image = chunk_size(self.columns.num_pixels), start
        for _, rows in _read_rows(self.path, self.is_stream, self.columns, place, True):
            assert rows.pixels is not None
            images = rows.pixels.reshape(-1, *self.image_shape)
            for first in range(0, min(len(images), stop - image), step):
                last = min(first + step, stop - image)
                yield Chunk(
                    layout.arrange_images(images[first:last]),
                    layout.arrange_labels(rows.labels[first:last]),
                )
            image += len(images)
            if image >= stop and stop < self.num_images:
                return
        if image != stop:
            raise wrong_length_error(
                self.name, f"{self.num_images:,} rows, as when it was opened", f"{image:,} rows"
            )


def open_table(path: InputPath, config: SourceConfig) -> Opened:
    """Read the first line of a table."""
    name = escape_line(str(path))
    with translate_file_errors(name, _EXPECTED):
        is_stream, _ = look_at_file(path)
        with open_bytes(path, is_stream) as file:
            line = file.readline(MOST_LINE_BYTES + 1)
    if len(line) > MOST_LINE_BYTES:
        raise long_line_error(name, 1)
    text = line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\n").removesuffix(b"\r").strip(b" \t")
    if not text:
        raise no_images_error(name)
    header = parse_header(text)
    count = text.count(b",") + 1
    columns = choose_columns(header, count, config, name)
    start = Place(0, 0, 1) if header is None else Place(0, len(line), 2)
    return Opened(path, is_stream, header, count, columns, start)


def scan_table(opened: Opened, columns: Columns, config: SourceConfig) -> PixelTable:
    """Read all labels of a table, and count its rows.

    Raises:
        BadDataError: a row has another number of cells, or a label is no number; no rows; or a
            size of the images is not to be had.
        ConfigError: `ingest.shape` does not fit.
    """
    name = escape_line(str(opened.path))
    shape = choose_shape(columns, config, name)
    counts: Counter[int] = Counter()
    places, images = [opened.start], 0
    for place, rows in _read_rows(opened.path, opened.is_stream, columns, opened.start, False):
        is_far = images - places[-1].image >= PART_IMAGES
        if is_far and len(rows.labels) and not opened.is_stream:
            places.append(place._replace(image=images))
        counts.update(count_labels(rows.labels))
        images += len(rows.labels)
    if not images:
        raise no_images_error(name)
    return PixelTable(opened.path, opened.is_stream, columns, shape, images, counts, tuple(places))


def _read_rows(
    path: InputPath, is_stream: bool, columns: Columns, start: Place, with_pixels: bool
) -> Iterator[tuple[Place, Rows]]:
    """Yield the rows of each block from a place on, and where the block begins."""
    name = escape_line(str(path))
    image = start.image
    with translate_file_errors(name, _EXPECTED), open_bytes(path, is_stream) as file:
        for block in read_blocks(file, name, start.offset, start.line):
            rows = parse_block(block, columns, name, with_pixels=with_pixels)
            yield Place(image, block.offset, block.line), rows
            image += len(rows.labels)
