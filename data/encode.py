"""Images and labels → TFRecords of tf.Examples, without TensorFlow.

The same images must give the same bytes, for runs are compared by them. tfx_bsl's encoder, which
is as fast, writes a message's features in an order that changes from one to the next; TensorFlow's
costs an import of many seconds in every worker. So the few bytes around an image are made here,
once per class: a test holds them equal to `tf.train.Example` and `TFRecordWriter`, byte for byte.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import google_crc32c
import numpy as np

from data.spec import IMAGE, LABEL, SPAN

_FRAME_BYTES = 16  # of a TFRecord around its content: length, its checksum, the content's checksum


def encode(images: np.ndarray, labels: np.ndarray, span: str | None = None) -> bytes:
    """A tf.Example for each image, each framed as a TFRecord, one behind the other.

    Args:
        images: (n, height, width, channels) uint8, 0-255.
        labels: (n,) int64, from 0.
        span: the slice of the data that they came with; None: the examples say nothing of it.
    """
    size = images[0].size if len(images) else 0
    pieces: list[bytes] = []
    for image, label in zip(images, labels.tolist(), strict=True):
        head, tail = _around(size, label, span)
        pieces += _framed(b"".join((head, image.tobytes(), tail)))
    return b"".join(pieces)


def frame(content: bytes) -> bytes:
    """The content as a TFRecord."""
    return b"".join(_framed(content))


def record_bytes(image_bytes: int, span: str | None = None) -> int:
    """Bytes of a TFRecord on disk for an image of so many bytes and a label below 128."""
    return _FRAME_BYTES + sum(map(len, _around(image_bytes, 0, span))) + image_bytes


@lru_cache(maxsize=4096)
def _around(image_bytes: int, label: int, span: str | None) -> tuple[bytes, bytes]:
    """What stands before and behind the pixels in a tf.Example.

    Example{1: Features{1: entry{1: key, 2: Feature{…}} …}}, entries in the order of their keys;
    a Feature is {1: BytesList{1: bytes}} or {3: Int64List{1: packed varints}}.
    """
    image_entry = _entry(IMAGE, _field(1, _field(1, bytes(image_bytes))))
    behind = _entry(LABEL, _field(3, _field(1, _varint(label))))
    if span is not None:
        behind += _entry(SPAN, _field(1, _field(1, span.encode())))
    example = _field(1, image_entry + behind)
    pixels_end = len(example) - len(behind)
    return example[: pixels_end - image_bytes], behind


def _entry(key: str, feature: bytes) -> bytes:
    return _field(1, _field(1, key.encode()) + _field(2, feature))


def _field(number: int, content: bytes) -> bytes:
    """A protocol buffer's field of a kind that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _framed(content: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    length = struct.pack("<Q", len(content))
    return length, _masked_crc(length), content, _masked_crc(content)


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    encoded = []
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _masked_crc(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
