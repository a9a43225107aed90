"""Write TFRecords and check their lengths without TensorFlow.

A record is its length, the checksum of the length, the content, and the checksum of the content.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from pathlib import Path

import google_crc32c

from data.errors import BadDataError, unreadable_file_error

_HEAD, _TAIL = 12, 4  # bytes before and after the content
_MAX_LENGTHS = 4096  # different lengths remembered per file; most files have one
FRAME_BYTES = _HEAD + _TAIL


def frame_record(content: bytes) -> bytes:
    """Write the TFRecord of a content: length, its checksum, content, its checksum."""
    length = struct.pack("<Q", len(content))
    return b"".join((length, masked_crc(length), content, masked_crc(content)))


def masked_crc(content: bytes) -> bytes:
    """Compute TFRecord's checksum: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def check_lengths(path: Path | str) -> None:
    """Check the record lengths of a file against its size, before TensorFlow reads it.

    TensorFlow trusts a length with a correct checksum: for 2^40 bytes it allocates that much
    memory, for 2^62 it aborts the process. TensorFlow itself checks the contents when it reads.

    Raises:
        BadDataError: a length, or its checksum, is wrong; the error names file and record.
        EnvironmentTrouble: the file cannot be read.
    """
    try:
        stat = os.stat(path)
        _check(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except FileNotFoundError as error:
        raise BadDataError(
            f"{path} does not exist",
            expected="a file of TFRecords",
            got="no file",
            follows="nothing was read from it",
            remedy="create or download the file again",
        ) from error
    except OSError as error:
        raise unreadable_file_error(path, error) from error


@lru_cache(maxsize=4096)
def _check(path: str, size: int, changed: int, inode: int) -> None:
    """Read 12 bytes of each record; the cache spares a file that did not change."""
    steps: dict[bytes, int] = {}  # header with a correct checksum → bytes to the next record
    record = at = 0
    with open(path, "rb") as file:
        while at < size:
            head = os.pread(file.fileno(), _HEAD, at)
            step = steps.get(head)
            if step is None:
                if len(head) < _HEAD or head[8:] != masked_crc(head[:8]):
                    raise damaged_record_error(path, record, "a truncated or damaged header")
                step = int.from_bytes(head[:8], "little") + FRAME_BYTES
                if len(steps) < _MAX_LENGTHS:
                    steps[head] = step
            remaining = size - at
            if step > remaining:
                got = f"a length of {step - FRAME_BYTES} bytes with {remaining - _HEAD} bytes left"
                raise damaged_record_error(path, record, got)
            at, record = at + step, record + 1


def damaged_record_error(path: Path | str, record: int, got: str) -> BadDataError:
    """Return the error for a file with a damaged record; records are counted from 0."""
    return BadDataError(
        f"{path} is damaged: record {record:,} cannot be read",
        expected="complete TFRecords",
        got=got,
        follows="nothing was read from it",
        remedy="create or download the file again; if the error returns, check the disk",
    )
