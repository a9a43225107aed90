"""Write tf.Examples to TFRecord files by TensorFlow, the format's own library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def make_example(features: Mapping[str, Any]) -> bytes:
    """Serialize features: bytes or text, integers or floats, one or a list of them."""
    made = {}
    for name, given in features.items():
        values = list(given) if isinstance(given, list | np.ndarray) else [given]
        if values and isinstance(values[0], bytes | str):
            content = [v.encode() if isinstance(v, str) else v for v in values]
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
        elif values and isinstance(values[0], float | np.floating):
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return bytes(tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString())


def write_tfrecord(
    path: Path, records: Iterable[Mapping[str, Any] | bytes], compression: str = ""
) -> Path:
    """Write records: features, or bytes as they are. `compression` is "", GZIP or ZLIB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record if isinstance(record, bytes) else make_example(record))
    return path


def make_pixels(images: np.ndarray, labels: Iterable[Any], **others: Any) -> list[dict[str, Any]]:
    """Make the features of raw pixels, (n, height, width[, channels]) uint8."""
    return [
        {"image": image.tobytes(), "label": label, **others}
        for image, label in zip(images, labels, strict=True)
    ]
