"""Read the page headers of a Parquet file: how much memory its pages claim before any is read.

A page is decompressed as a whole, so a small file can claim 2 GiB for each of its pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

_DICTIONARY = 2  # type of a page
_BOUNDED = ("UNCOMPRESSED", "SNAPPY")  # codecs that cannot make much of little
_FREE_BYTES = 64 << 20  # a page of so many bytes may be compressed as much as it can be,
_MOST_TIMES = 32  # and a larger one so many times: images are compressed already
_MOST_DEPTH = 8  # of structs in a page's header


class Page(NamedTuple):
    """What the header of a page says."""

    is_dictionary: bool
    size: int  # bytes, decompressed
    stored: int  # bytes in the file, header not included


def check_pages(file: IO[bytes], chunk: Any) -> int:
    """Check the pages of a column chunk, and return the bytes of its dictionary, or 0.

    Args:
        file: the Parquet file, which can seek.
        chunk: pyarrow's metadata of the chunk.

    Raises:
        ValueError: a header is invalid, or a page claims far more bytes than it has.
    """
    dictionary = 0
    for page in _read_pages(file, chunk):
        if page.size > max(_FREE_BYTES, _MOST_TIMES * page.stored):
            raise ValueError(f"a page of {page.stored:,} bytes that claims {page.size:,}")
        if page.is_dictionary:
            dictionary = max(dictionary, page.size)
        elif chunk.compression in _BOUNDED:
            break  # the dictionary is the first page
    return dictionary


def _read_pages(file: IO[bytes], chunk: Any) -> Iterator[Page]:
    offset = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < offset:
        offset = chunk.dictionary_page_offset
    end, values = offset + chunk.total_compressed_size, 0
    while offset < end and values < chunk.num_values:
        if offset < 0:
            raise ValueError(f"a page at byte {offset:,}")
        file.seek(offset)
        header = _read_struct(file)
        kind, size, stored = (header.get(number) for number in (1, 2, 3))
        if not (isinstance(kind, int) and isinstance(size, int) and isinstance(stored, int)):
            raise ValueError(f"no header of a page at byte {offset:,}")
        if size < 0 or stored < 0:
            raise ValueError(f"a page of {size:,} bytes at byte {offset:,}")
        details = header.get(8) or header.get(5)  # of a data page
        if isinstance(details, dict) and isinstance(count := details.get(1), int):
            values += max(0, count)
        yield Page(kind == _DICTIONARY, size, stored)
        offset = file.tell() + stored


# A header is a struct in Thrift's compact protocol; what follows reads the part of it that occurs.


def _read_struct(file: IO[bytes], depth: int = 0) -> dict[int, Any]:
    """Read a struct: number of a field → its integer or struct."""
    if depth > _MOST_DEPTH:
        raise ValueError("a page's header of too many levels")
    values: dict[int, Any] = {}
    number = 0
    while kind := (head := _read_byte(file)) & 15:
        number = number + (head >> 4) if head >> 4 else _read_signed(file)
        if kind in (1, 2):  # true, false
            continue
        if kind == 3:  # a byte
            _read_byte(file)
        elif kind in (4, 5, 6):
            values[number] = _read_signed(file)
        elif kind == 7:  # a double
            file.seek(8, 1)
        elif kind == 8:  # bytes
            file.seek(_read_unsigned(file), 1)
        elif kind == 12:
            values[number] = _read_struct(file, depth + 1)
        else:
            raise ValueError(f"a page's header with a field of type {kind}")
    return values


def _read_byte(file: IO[bytes]) -> int:
    byte = file.read(1)
    if not byte:
        raise ValueError("a page's header that the file's end cuts")
    return byte[0]


def _read_unsigned(file: IO[bytes]) -> int:
    value = shift = 0
    while True:
        byte = _read_byte(file)
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value
        if shift > 63:
            raise ValueError("a page's header with a number of too many bytes")


def _read_signed(file: IO[bytes]) -> int:
    value = _read_unsigned(file)
    return (value >> 1) ^ -(value & 1)
