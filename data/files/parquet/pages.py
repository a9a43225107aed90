"""Read the footer and the page headers of a Parquet file: what its pages claim, before any is read.

A page is decompressed as a whole, so a small file can claim 2 GiB for each of its pages. pyarrow
shows no pages, and it aborts the process where the metadata of a damaged column is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

from data.files.parquet.thrift import read_struct

_MAGIC = b"PAR1"
_DICTIONARY = 2  # type of a page
_BOUNDED = (0, 1)  # codecs that cannot make much of little: none, Snappy
_FREE_BYTES = 64 << 20  # a page of so many bytes may be compressed as much as it can be,
_MOST_TIMES = 32  # and a larger one so many times: images are compressed already
_HEADER_BYTES = (1 << 10, 16 << 20)  # of a page's header: nearly always, and at most


class Chunk(NamedTuple):
    """A column in a row group, by the footer."""

    path: str  # in the schema: label, image.bytes
    codec: int
    values: int
    offset: int  # of the first page
    stored: int  # bytes in the file
    size: int  # bytes, decompressed


class Page(NamedTuple):
    """A page, by its header."""

    is_dictionary: bool
    size: int  # bytes, decompressed
    stored: int  # bytes in the file, header not included
    values: int


def read_chunks(file: IO[bytes]) -> list[list[Chunk]]:
    """Read the chunks of each row group from the footer.

    Raises:
        ValueError: it is invalid.
        OSError: the file cannot be read.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > size - 8:
        raise ValueError("no footer")
    file.seek(size - 8 - length)
    footer, _ = read_struct(file.read(length))
    groups = (_get(group, 1, list) for group in _get(footer, 4, list))
    return [[_make_chunk(_get(chunk, 3, dict)) for chunk in chunks] for chunks in groups]


def _make_chunk(values: dict[int, Any]) -> Chunk:
    names = _get(values, 3, list)
    if not all(isinstance(name, bytes) for name in names):
        raise ValueError("a column without a path")
    offset, dictionary = _get(values, 9, int), values.get(11, 0)
    if isinstance(dictionary, int) and 0 < dictionary < offset:
        offset = dictionary
    numbers = (_get(values, number, int) for number in (4, 5, 7, 6))
    codec, count, stored, size = numbers
    if min(offset, count, stored, size) < 0:
        raise ValueError("a column of a negative size")
    path = ".".join(name.decode(errors="surrogateescape") for name in names)
    return Chunk(path, codec, count, offset, stored, size)


def _get(values: Any, number: int, kind: type) -> Any:
    value = values.get(number) if isinstance(values, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"a header without its field {number}")
    return value


def check_pages(file: IO[bytes], chunks: Sequence[Chunk]) -> int:
    """Check the pages of chunks, and return the bytes of the largest dictionary, or 0.

    Raises:
        ValueError: a header is invalid, or a page claims far more bytes than it has.
        OSError: the file cannot be read.
    """
    dictionary = 0
    for chunk in chunks:
        for page in _read_pages(file, chunk):
            if page.size > max(_FREE_BYTES, _MOST_TIMES * page.stored):
                raise ValueError(f"a page of {page.stored:,} bytes that claims {page.size:,}")
            if page.is_dictionary:
                dictionary = max(dictionary, page.size)
            elif chunk.codec in _BOUNDED:
                break  # the dictionary is the first page
    return dictionary


def _read_pages(file: IO[bytes], chunk: Chunk) -> Iterator[Page]:
    offset, values = chunk.offset, 0
    while offset < chunk.offset + chunk.stored and values < chunk.values:
        page, length = _read_page(file, offset)
        yield page
        offset += length + page.stored
        values += page.values


def _read_page(file: IO[bytes], offset: int) -> tuple[Page, int]:
    """Read the header of a page; return its length too."""
    few, many = _HEADER_BYTES
    file.seek(offset)
    try:
        header, length = read_struct(file.read(few))
    except ValueError:  # a long one, such as with statistics
        file.seek(offset)
        header, length = read_struct(file.read(many))
    kind, size, stored = (_get(header, number, int) for number in (1, 2, 3))
    details = header.get(8) or header.get(5)  # of a data page, version 2 or 1
    values = 0 if kind == _DICTIONARY or not details else _get(details, 1, int)
    if min(size, stored, values) < 0:
        raise ValueError(f"a page of a negative size at byte {offset:,}")
    return Page(kind == _DICTIONARY, size, stored, values), length
