"""The frames of TFRecord files, without TensorFlow: length, its checksum, content, its checksum."""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from pathlib import Path

import google_crc32c

from data.errors import BadDataError, EnvironmentTrouble

_HEAD, _TAIL = 12, 4  # bytes before and behind the content
_LENGTHS = 4096  # that are remembered of a file: most have one
FRAME_BYTES = _HEAD + _TAIL


def frame_record(content: bytes) -> bytes:
    """Write the TFRecord of a content: length, its checksum, content, its checksum."""
    length = struct.pack("<Q", len(content))
    return b"".join((length, masked_crc(length), content, masked_crc(content)))


def masked_crc(content: bytes) -> bytes:
    """TFRecord's checksum: CRC-32C, turned by 15 bits, plus a constant."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def check_lengths(path: Path | str) -> None:
    """Hold the lengths of a file's records against the file, before TensorFlow reads it.

    TensorFlow believes a length whose checksum is right: of 2^40 bytes it asks for so much memory,
    of 2^62 it ends the process. Contents are not looked at: TensorFlow checks them as it reads.

    Raises:
        BadDataError: a length, or its checksum, is wrong; with the file and the record.
        EnvironmentTrouble: the file cannot be read.
    """
    try:
        stat = os.stat(path)
        _check(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except FileNotFoundError as error:
        raise BadDataError(
            f"{path} is not there",
            expected="a file of TFRecords",
            remedy="make or fetch it again",
        ) from error
    except OSError as error:
        raise EnvironmentTrouble(f"cannot read {path}", got=error.strerror) from error


@lru_cache(maxsize=4096)
def _check(path: str, size: int, changed: int, inode: int) -> None:
    """Once for a file as it lies, 12 bytes of each record."""
    steps: dict[bytes, int] = {}  # head, once its checksum was right → bytes to the next one
    record = at = 0
    with open(path, "rb") as file:
        while at < size:
            head = os.pread(file.fileno(), _HEAD, at)
            step = steps.get(head)
            if step is None:
                if len(head) < _HEAD or head[8:] != masked_crc(head[:8]):
                    raise damaged_record_error(
                        path, record, "a header that is cut short or damaged"
                    )
                step = int.from_bytes(head[:8], "little") + FRAME_BYTES
                if len(steps) < _LENGTHS:
                    steps[head] = step
            left = size - at
            if step > left:
                got = f"a length of {step - FRAME_BYTES} bytes where {left - _HEAD} are left"
                raise damaged_record_error(path, record, got)
            at, record = at + step, record + 1


def damaged_record_error(path: Path | str, record: int, got: str) -> BadDataError:
    """A file of which a record, counted from 0, is not whole."""
    return BadDataError(
        f"{path} cannot be read from record {record:,} on",
        expected="whole TFRecords",
        got=got,
        follows="nothing of it was read",
        remedy="make or fetch the file again; if it comes back, check the disk",
    )
