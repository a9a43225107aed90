"""Encode images and labels as TFRecords of tf.Examples, and decode one, without TensorFlow.

The same images must give the same bytes, because runs are compared by digests. tfx_bsl's encoder,
which is as fast, writes the features in a varying order; TensorFlow's needs an import of many
seconds in each worker. The few bytes around an image are therefore encoded here, once per class. A
test compares them with `tf.train.Example` and `TFRecordWriter`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.examples.tfrecord import damaged_examples_error
from data.files.tfrecord_frames import FRAME_BYTES, frame_record
from data.spec import FORMAT, IMAGE, LABEL, SPAN, ImageSpec


def encode(images: np.ndarray, labels: np.ndarray, span: str | None = None) -> bytes:
    """Encode each image as a TFRecord with a tf.Example, and concatenate the records.

    Args:
        images: (n, height, width, channels) uint8, 0-255.
        labels: (n,) int64, from 0.
        span: name of the images' span; None: the examples have no such feature.
    """
    size = images[0].size if len(images) else 0
    more = () if span is None else ((SPAN, span.encode()),)
    records: list[bytes] = []
    for image, label in zip(images, labels.tolist(), strict=True):
        before, after = _encode_frame(size, ((LABEL, label), *more))
        records.append(frame_record(b"".join((before, image.tobytes(), after))))
    return b"".join(records)


def encode_features(features: Mapping[str, bytes | int]) -> bytes:
    """Encode one tf.Example as a TFRecord; see `encode_content`."""
    return frame_record(encode_content(features))


def encode_content(features: Mapping[str, bytes | int]) -> bytes:
    """Encode one tf.Example.

    Args:
        features: `image`, bytes, and others: bytes become a bytes_list of one value, integers from
            0 an int64_list of one.
    """
    image = features[IMAGE]
    assert isinstance(image, bytes)
    others = tuple(item for item in features.items() if item[0] != IMAGE)
    before, after = _encode_frame(len(image), others)
    return b"".join((before, image, after))


def record_bytes(image_bytes: int, span: str | None = None) -> int:
    """Return the size on disk of the record of an image with a label below 128."""
    more = () if span is None else ((SPAN, span.encode()),)
    others: tuple[tuple[str, bytes | int], ...] = ((LABEL, 0), *more)
    return FRAME_BYTES + sum(map(len, _encode_frame(image_bytes, others))) + image_bytes


@lru_cache(maxsize=4096)
def _encode_frame(
    image_bytes: int, others: tuple[tuple[str, bytes | int], ...]
) -> tuple[bytes, bytes]:
    """Encode the bytes before and after the image in a tf.Example with some other features.

    Example{1: Features{1: entry{1: key, 2: Feature{…}} …}}, entries in the order of their keys;
    a Feature is {1: BytesList{1: bytes}} or {3: Int64List{1: packed varints}}.
    """
    before, after = _encode_others(others)
    # from the image outwards: value, BytesList, Feature, entry
    head, size = b"", image_bytes
    for number in (1, 1, 2):
        head = _encode_tag(number, size) + head
        size = image_bytes + len(head)
    head = _encode_field(1, IMAGE.encode()) + head
    head = _encode_tag(1, image_bytes + len(head)) + head
    before += head
    return _encode_tag(1, len(before) + image_bytes + len(after)) + before, after


@lru_cache(maxsize=4096)
def _encode_others(others: tuple[tuple[str, bytes | int], ...]) -> tuple[bytes, bytes]:
    """Encode the entries before and after that of the image."""
    entries = sorted((name.encode(), _encode_entry(name, value)) for name, value in others)
    image = IMAGE.encode()
    return (
        b"".join(entry for name, entry in entries if name < image),
        b"".join(entry for name, entry in entries if name > image),
    )


def _encode_entry(name: str, value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        feature = _encode_field(1, _encode_field(1, value))
    else:
        feature = _encode_field(3, _encode_field(1, _encode_varint(value)))
    return _encode_field(1, _encode_field(1, name.encode()) + _encode_field(2, feature))


def _encode_field(number: int, content: bytes) -> bytes:
    """Encode a length-delimited field of a protocol buffer."""
    return _encode_tag(number, len(content)) + content


def _encode_tag(number: int, size: int) -> bytes:
    """Encode what stands before the content of a length-delimited field."""
    return bytes([number << 3 | 2]) + _encode_varint(size)


def _encode_varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    encoded = []
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


class Record(NamedTuple):
    """The values of a tf.Example."""

    content: bytes  # pixels, or an image file
    label: int
    is_file: bool


def decode(record: bytes, spec: ImageSpec, path: Path) -> Record:
    """Decode a tf.Example from a dataset at `path`, in either store.

    Raises:
        BadDataError: it is damaged, or its label has no class.
    """
    try:
        features = {}
        for entry in _read_repeated(dict(_read_fields(record))[1], 1):
            key, feature = (value for _, value in _read_fields(entry))
            ((_, values),) = _read_fields(feature)
            features[key.decode()] = dict(_read_fields(values))[1]
        label, _ = _read_varint(features[LABEL], 0)
        if label >= spec.num_classes:
            raise ValueError(f"label {label}")
        return Record(features[IMAGE], label, FORMAT in features)
    except (KeyError, IndexError, ValueError) as error:
        raise damaged_examples_error(
            path, f"tf.Examples of images of shape {spec.shape}", repr(error)
        ) from error


def feature_names(record: bytes) -> set[str]:
    """Return the names of a tf.Example's features."""
    features = _read_repeated(record, 1)
    entries = _read_repeated(features[0], 1) if features else []
    return {dict(_read_fields(entry))[1].decode() for entry in entries}


def _read_repeated(message: bytes, number: int) -> list[bytes]:
    return [content for field, content in _read_fields(message) if field == number]


def _read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of a message's fields, all of which must be length-delimited."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag & 7 != 2:
            raise ValueError(f"a field of wire type {tag & 7}")
        length, at = _read_varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Decode a varint (7 bits per byte, lowest first): its value and the offset of its end."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at
