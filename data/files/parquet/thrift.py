"""Read structs in Thrift's compact protocol, in which Parquet's headers are written."""

from __future__ import annotations

from typing import Any

_TRUE, _FALSE, _BYTE, _DOUBLE, _BYTES, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS = (4, 5, 6)
_LISTS = (9, 10)  # list, set
_MOST_DEPTH = 16


def read_struct(content: bytes, place: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read a struct: number of a field → integer, bytes, list or struct; and the place behind it.

    Raises:
        ValueError: it is none, or the content ends within it.
    """
    values: dict[int, Any] = {}
    number = 0
    try:
        while kind := (head := content[place]) & 15:
            place += 1
            if head >> 4:
                number += head >> 4
            else:
                number, place = _read_signed(content, place)
            if kind in (_TRUE, _FALSE):
                values[number] = kind == _TRUE
            else:
                values[number], place = _read_value(content, place, kind, depth)
    except IndexError:
        raise ValueError("a header that the end of the file cuts") from None
    return values, place + 1


def _read_value(content: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _read_signed(content, place)
    if kind == _BYTES:
        length, place = _read_unsigned(content, place)
        if length > len(content) - place:
            raise IndexError
        return content[place : place + length], place + length
    if depth >= _MOST_DEPTH:
        raise ValueError("a header of too many levels")
    if kind == _STRUCT:
        return read_struct(content, place, depth + 1)
    if kind in _LISTS:
        return _read_list(content, place, depth + 1)
    if kind in (_BYTE, _TRUE, _FALSE):
        return content[place], place + 1
    if kind == _DOUBLE:
        return None, place + 8
    raise ValueError(f"a header with a field of the unknown type {kind}")


def _read_list(content: bytes, place: int, depth: int) -> tuple[list[Any], int]:
    head, place = content[place], place + 1
    count, kind = head >> 4, head & 15
    if count == 15:
        count, place = _read_unsigned(content, place)
    values = []
    for _ in range(count):  # each takes a byte at least
        value, place = _read_value(content, place, kind, depth)
        values.append(value)
    return values, place


def _read_unsigned(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a header with a number of too many bytes")


def _read_signed(content: bytes, place: int) -> tuple[int, int]:
    value, place = _read_unsigned(content, place)
    return (value >> 1) ^ -(value & 1), place
