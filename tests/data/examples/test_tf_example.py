from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data.examples.tf_example import encode, encode_features, record_bytes

RNG = np.random.default_rng(0)


def example(image: np.ndarray, label: int, span: str | None = None) -> bytes:
    """The oracle: TensorFlow's own message."""
    bytes_list = tf.train.BytesList(value=[image.tobytes()])
    features = {
        "image": tf.train.Feature(bytes_list=bytes_list),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    if span is not None:
        name = tf.train.BytesList(value=[span.encode()])
        features["span"] = tf.train.Feature(bytes_list=name)
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("span", [None, "2026-11-20", "x" * 200])
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (11, 11, 1), (28, 28, 1), (80, 70, 3)])
def test_records_are_tensorflows_byte_for_byte(
    tmp_path: Path, shape: tuple[int, ...], span: str | None
) -> None:
    labels = np.array([0, 1, 9, 127, 128, 300, 16_383, 16_384, 65_535])
    images = RNG.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(encode(images, labels, span))
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for image, label in zip(images, labels, strict=True):
            writer.write(example(image, int(label), span))
    assert ours.read_bytes() == theirs.read_bytes()
    assert len(encode(images[:1], labels[:1], span)) == record_bytes(images[0].size, span)


def test_no_images_are_no_bytes() -> None:
    assert encode(np.zeros((0, 8, 8, 1), np.uint8), np.zeros(0, np.int64)) == b""


def test_images_need_not_lie_in_one_piece() -> None:
    images = RNG.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(6)
    apart = images[::2, ::-1]
    assert encode(apart, labels[::2]) == encode(apart.copy(), labels[::2])


@pytest.mark.parametrize(
    "features",
    [
        {"label": 0, "image": b""},
        {"image": b"\xff\xd8" * 5000, "label": 300, "format": b"jpeg", "height": 3024, "width": 1},
        {"image": b"x", "label": 1, "span": b"2026-11-20", "zebra": b"", "camera": "über".encode()},
        {"ä": b"not ASCII", "z": b"before it", "image": b"x" * 127, "Z": 2**62, "a": b"b"},
    ],
)
def test_features_are_tensorflows_byte_for_byte(features: dict, tmp_path: Path) -> None:
    lists = {
        bytes: lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])),
        int: lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
    }
    oracle = {name: lists[type(value)](value) for name, value in features.items()}
    message = tf.train.Example(features=tf.train.Features(feature=oracle))
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        writer.write(message.SerializeToString(deterministic=True))
    assert encode_features(features) == (tmp_path / "theirs").read_bytes()
    assert encode_features(dict(reversed(features.items()))) == encode_features(features)


def test_both_encoders_give_the_same_bytes() -> None:
    image, label = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8), 7
    ours = encode_features({"image": image.tobytes(), "label": label, "span": b"a"})
    assert ours == encode(image[None], np.array([label]), "a")
