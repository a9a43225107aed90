"""The TFRecords of Examples at rest, read without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from data.errors import BadDataError, EnvironmentTrouble
from data.examples.artifact import Examples
from data.files.tfrecord_frames import masked_crc


def read_records(examples: Examples, split: str, wanted: Collection[int]) -> Iterator[bytes]:
    """The contents of the wanted records, in the order at rest; ends behind the last of them."""
    place, last = 0, max(wanted, default=-1)
    for path in examples.shards(split):
        try:
            with path.open("rb") as shard:
                while place <= last and (length := _length(shard, path)) is not None:
                    if place in wanted:
                        yield _content(shard, length, path)
                    else:
                        shard.seek(length + 4, 1)
                    place += 1
        except OSError as error:
            raise EnvironmentTrouble(f"cannot read {path}", got=error.strerror) from error


def _length(shard: BinaryIO, path: Path) -> int | None:
    """Bytes of the content of the record that begins here; None at the shard's end."""
    head = shard.read(12)
    if not head:
        return None
    _check(head[:8], head[8:], path)
    length = int.from_bytes(head[:8], "little")
    left = os.fstat(shard.fileno()).st_size - shard.tell()
    if length + 4 > left:
        raise damaged_examples_error(
            path, "whole TFRecords", f"a record of {length} bytes where {left} are left"
        )
    return length


def _content(shard: BinaryIO, length: int, path: Path) -> bytes:
    content = shard.read(length)
    _check(content, shard.read(4), path)
    return content


def _check(content: bytes, masked: bytes, path: Path) -> None:
    if masked != masked_crc(content):
        raise damaged_examples_error(path, "whole TFRecords", "a record whose checksum is wrong")


def damaged_examples_error(path: Path, expected: str, got: str) -> BadDataError:
    return BadDataError(
        f"the examples in {path} cannot be read",
        expected=expected,
        got=got,
        remedy="ingest again; if it comes back, check the disk",
    )
