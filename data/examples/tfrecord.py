"""Read the TFRecords of Examples without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from data.errors import BadDataError, unreadable_file_error
from data.examples.artifact import Examples
from data.files.tfrecord_frames import masked_crc


def read_records(examples: Examples, split: str, indices: Collection[int]) -> Iterator[bytes]:
    """Yield the contents of the records at some indices of a split, in the order on disk."""
    index, last = 0, max(indices, default=-1)
    for path in examples.shards(split):
        try:
            with path.open("rb") as shard:
                while index <= last and (length := _read_length(shard, path)) is not None:
                    if index in indices:
                        yield _read_content(shard, length, path)
                    else:
                        shard.seek(length + 4, 1)
                    index += 1
        except OSError as error:
            raise unreadable_file_error(path, error) from error


def _read_length(shard: BinaryIO, path: Path) -> int | None:
    """Read the length of the next record's content; None at the end of the shard."""
    head = shard.read(12)
    if not head:
        return None
    _check_crc(head[:8], head[8:], path)
    length = int.from_bytes(head[:8], "little")
    remaining = os.fstat(shard.fileno()).st_size - shard.tell()
    if length + 4 > remaining:
        raise damaged_examples_error(
            path, "complete TFRecords", f"a record of {length} bytes with {remaining} bytes left"
        )
    return length


def _read_content(shard: BinaryIO, length: int, path: Path) -> bytes:
    content = shard.read(length)
    _check_crc(content, shard.read(4), path)
    return content


def _check_crc(content: bytes, masked: bytes, path: Path) -> None:
    if masked != masked_crc(content):
        raise damaged_examples_error(path, "complete TFRecords", "a record with a wrong checksum")


def damaged_examples_error(path: Path, expected: str, got: str) -> BadDataError:
    """Return the error for Examples that cannot be read."""
    return BadDataError(
        f"the examples in {path} cannot be read",
        expected=expected,
        got=got,
        remedy="ingest again; if the error returns, check the disk",
    )
