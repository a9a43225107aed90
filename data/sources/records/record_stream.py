"""Read the records of a TFRecord file, plain, gzip or zlib, and check their lengths and checksums.

No length is believed: memory grows with the bytes that are there, not with those that are claimed.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from data.base.visible_text import escape_line
from data.files.input_files import InputPath
from data.files.read_errors import translate_file_errors
from data.files.tfrecord_frames import damaged_record_error, masked_crc

MOST_BYTES = 256 << 20  # of one record: more would fill the memory of a worker
_HEAD, _TAIL = 12, 4  # bytes before and after the content
_AT_A_TIME = 4 << 20  # bytes
_BUFFER = 1 << 20


class Position(NamedTuple):
    """Where a record begins."""

    record: int  # number of the record, from 0
    offset: int  # bytes before it, in the decompressed file


FIRST = Position(0, 0)


def is_compressed(path: InputPath) -> bool:
    """Return whether a file is gzip or zlib, by its first bytes.

    Raises:
        BadDataError: it does not exist.
        EnvironmentTrouble: it cannot be read.
    """
    name = escape_line(str(path))
    with translate_file_errors(name, "a file of TFRecords"), path.open("rb") as file:
        return _is_compressed(file.read(_HEAD))


def _is_compressed(head: bytes) -> bool:
    """The checksum of a first length decides: some lengths begin as gzip does."""
    if len(head) < 2 or head[8:] == masked_crc(head[:8]):
        return False
    is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return head[:3] == b"\x1f\x8b\x08" or is_zlib


def read_records(path: InputPath, start: Position = FIRST) -> Iterator[tuple[Position, bytes]]:
    """Yield the position and the content of each record from `start` on.

    Raises:
        BadDataError: the file is damaged, or a record larger than `MOST_BYTES`.
        EnvironmentTrouble: it cannot be read.
    """
    name = escape_line(str(path))
    with translate_file_errors(name, "a file of TFRecords"), path.open("rb") as file:
        size = None
        stream: Any = file
        if _is_compressed(file.read(_HEAD)):
            file.seek(0)
            stream = io.BufferedReader(_Inflated(file), _BUFFER)
            _skip(stream, start.offset)
        else:
            size = file.seek(0, io.SEEK_END)
            file.seek(start.offset)
        yield from _read_frames(stream, name, size, start)


def _read_frames(
    stream: Any, name: str, size: int | None, start: Position
) -> Iterator[tuple[Position, bytes]]:
    record, at = start
    head = stream.read(_HEAD)
    while head:
        if len(head) < _HEAD or head[8:] != masked_crc(head[:8]):
            raise damaged_record_error(name, record, "a truncated or damaged header")
        length = int.from_bytes(head[:8], "little")
        remaining = length + _TAIL if size is None else size - at - _HEAD
        if length + _TAIL > remaining:
            got = f"a length of {length} bytes with {remaining} bytes left"
            raise damaged_record_error(name, record, got)
        if length > MOST_BYTES:
            got = f"a length of {length} bytes; at most {MOST_BYTES >> 20} MiB are read"
            raise damaged_record_error(name, record, got)
        block = _read_up_to(stream, length + _TAIL + _HEAD)  # with the head of the next record
        content = block[:length]
        if len(block) < length + _TAIL:
            raise damaged_record_error(name, record, "the end of the file")
        if block[length : length + _TAIL] != masked_crc(content):
            raise damaged_record_error(name, record, "a wrong checksum")
        yield Position(record, at), content
        record, at, head = record + 1, at + _HEAD + length + _TAIL, block[length + _TAIL :]


def _read_up_to(stream: Any, size: int) -> bytes:
    """Read so many bytes, or those that are there."""
    content: bytes = stream.read(min(size, _AT_A_TIME))
    if size <= _AT_A_TIME or len(content) < _AT_A_TIME:
        return content
    blocks = [content]
    while blocks[-1] and (missing := size - sum(map(len, blocks))):
        blocks.append(stream.read(min(missing, _AT_A_TIME)))
    return b"".join(blocks)


def _skip(stream: Any, size: int) -> None:
    while size > 0 and (skipped := len(stream.read(min(size, _AT_A_TIME)))):
        size -= skipped


class _Inflated(io.RawIOBase):
    """The decompressed bytes of a gzip or zlib file, of all its members one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._input = b""
        self._inflate: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._input = self._input or self._file.read(_BUFFER)
            if self._inflate is None:
                if not self._input:
                    return 0
                self._inflate = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # gzip or zlib
            if not self._input:
                raise EOFError("the compressed data ends before its end mark")
            content = self._inflate.decompress(self._input, len(buffer))
            self._input = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._input, self._inflate = self._inflate.unused_data, None
            if content:
                buffer[: len(content)] = content
                return len(content)
