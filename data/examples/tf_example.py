"""Images and labels → TFRecords of tf.Examples, and one of them back, without TensorFlow.

The same images must give the same bytes, for runs are compared by them. tfx_bsl's encoder, which
is as fast, writes a message's features in an order that changes from one to the next; TensorFlow's
costs an import of many seconds in every worker. So the few bytes around an image are made here,
once per class: a test holds them equal to `tf.train.Example` and `TFRecordWriter`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from data.examples.tfrecord import damaged_examples_error
from data.files.tfrecord_frames import FRAME_BYTES, frame_record
from data.spec import IMAGE, LABEL, SPAN, ImageSpec


def encode(images: np.ndarray, labels: np.ndarray, span: str | None = None) -> bytes:
    """A tf.Example for each image, each framed as a TFRecord, one behind the other.

    Args:
        images: (n, height, width, channels) uint8, 0-255.
        labels: (n,) int64, from 0.
        span: the slice of the data that they came with; None: the examples say nothing of it.
    """
    size = images[0].size if len(images) else 0
    records: list[bytes] = []
    for image, label in zip(images, labels.tolist(), strict=True):
        head, tail = _around(size, label, span)
        records.append(frame_record(b"".join((head, image.tobytes(), tail))))
    return b"".join(records)


def record_bytes(image_bytes: int, span: str | None = None) -> int:
    """Bytes of a TFRecord on disk for an image of so many bytes and a label below 128."""
    return FRAME_BYTES + sum(map(len, _around(image_bytes, 0, span))) + image_bytes


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


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    encoded = []
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def decode(record: bytes, spec: ImageSpec, path: Path) -> tuple[np.ndarray, int]:
    """A tf.Example's pixels (height, width, channels) uint8, and its label."""
    try:
        features = {}
        for entry in _repeated(dict(_fields(record))[1], 1):
            key, feature = (value for _, value in _fields(entry))
            ((_, values),) = _fields(feature)
            features[key.decode()] = dict(_fields(values))[1]
        label, _ = _read_varint(features[LABEL], 0)
        if label >= spec.num_classes:
            raise ValueError(f"label {label}")
        return np.frombuffer(features[IMAGE], np.uint8).reshape(spec.shape), label
    except (KeyError, IndexError, ValueError) as error:
        raise damaged_examples_error(
            path, f"tf.Examples of images of shape {spec.shape}", repr(error)
        ) from error


def feature_names(record: bytes) -> set[str]:
    """The names of a tf.Example's features."""
    features = _repeated(record, 1)
    entries = _repeated(features[0], 1) if features else []
    return {dict(_fields(entry))[1].decode() for entry in entries}


def _repeated(message: bytes, number: int) -> list[bytes]:
    return [content for found, content in _fields(message) if found == number]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """A protocol buffer's fields, all of the kind that has a length: number, content."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag & 7 != 2:
            raise ValueError(f"a field of wire type {tag & 7}")
        length, at = _read_varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at
