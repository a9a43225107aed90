"""Single images out of Examples at rest, by their place in a split, without TensorFlow.

The inverse of `data.encode` for a few images: what is not asked for is skipped unread.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import google_crc32c
import numpy as np

from data.errors import BadDataError, ConfigError, EnvironmentTrouble, did_you_mean
from data.examples import Examples
from data.sources import Chunk
from data.spec import IMAGE, LABEL, ImageSpec


def read_images(examples: Examples, split: str, indices: Sequence[int]) -> Chunk:
    """The images at these places of a split, in the order in which they are asked for.

    Args:
        examples: what ingest made.
        split: its name.
        indices: from 0, in the order at rest; one may come twice.

    Returns:
        Images (n, height, width, channels) uint8, 0-255, and labels (n,) int64.

    Raises:
        ConfigError: there is no such split, or no image at one of the places.
        BadDataError: a shard is missing or cut short, or a record is damaged.
        EnvironmentTrouble: a shard cannot be read.
    """
    check_indices(examples, split, indices)
    spec, wanted = examples.spec, sorted(set(indices))
    found = dict(zip(wanted, _records(examples, split, set(wanted)), strict=False))
    if len(found) < len(wanted):
        raise _damaged(examples.path, f"{examples.num_examples(split):,} {split} images", "fewer")
    chunk = [_decode(found[index], spec, examples.path) for index in indices]
    images = np.array([image for image, _ in chunk], np.uint8).reshape(-1, *spec.shape)
    return Chunk(images, np.array([label for _, label in chunk], np.int64))


def check_indices(examples: Examples, split: str, indices: Sequence[int]) -> None:
    """Raises ConfigError where there is no such split, or no image at one of the places."""
    if split not in examples.counts:
        raise ConfigError(
            f"the examples have no split {split!r}", remedy=did_you_mean(split, examples.counts)
        )
    total = examples.num_examples(split)
    for index in indices:
        if not 0 <= index < total:
            raise ConfigError(
                f"the split {split!r} has no image {index}",
                expected=f"0 to {total - 1}, for it has {total:,} images" if total else "no index",
                got=index,
            )


def _records(examples: Examples, split: str, wanted: Collection[int]) -> Iterator[bytes]:
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
    return int.from_bytes(head[:8], "little")


def _content(shard: BinaryIO, length: int, path: Path) -> bytes:
    content = shard.read(length)
    _check(content, shard.read(4), path)
    return content


def _check(content: bytes, masked: bytes, path: Path) -> None:
    """TFRecord's checksum: CRC-32C, turned by 15 bits, plus a constant."""
    crc = google_crc32c.value(content)
    if masked != struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF):
        raise _damaged(path, "whole TFRecords", "a record whose checksum is wrong")


def _decode(record: bytes, spec: ImageSpec, path: Path) -> tuple[np.ndarray, int]:
    """A tf.Example's pixels (height, width, channels) uint8, and its label."""
    try:
        features = {}
        for entry in _repeated(dict(_fields(record))[1], 1):
            key, feature = (value for _, value in _fields(entry))
            ((_, values),) = _fields(feature)
            features[key.decode()] = dict(_fields(values))[1]
        label, _ = _varint(features[LABEL], 0)
        if label >= spec.num_classes:
            raise ValueError(f"label {label}")
        return np.frombuffer(features[IMAGE], np.uint8).reshape(spec.shape), label
    except (KeyError, IndexError, ValueError) as error:
        raise _damaged(path, f"tf.Examples of images of shape {spec.shape}", repr(error)) from error


def _repeated(message: bytes, number: int) -> list[bytes]:
    return [content for found, content in _fields(message) if found == number]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """A protocol buffer's fields, all of the kind that has a length: number, content."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 != 2:
            raise ValueError(f"a field of wire type {tag & 7}")
        length, at = _varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at


def _damaged(path: Path, expected: str, got: str) -> BadDataError:
    return BadDataError(
        f"the examples in {path} cannot be read",
        expected=expected,
        got=got,
        remedy="ingest again; if it comes back, check the disk",
    )
