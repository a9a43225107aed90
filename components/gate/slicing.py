"""Slices of a split: by a feature of the examples, or derived from the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from components.gate.rules import slice_name
from data.import_path import load_object
from data.records import parse_examples
from data.spec import ImageSpec

MISSING = "missing"  # the value where an example lacks the feature


def slice_columns(
    names: Sequence[str], records: tf.Tensor, spec: ImageSpec
) -> Iterator[tuple[str, list[str]]]:
    """Column name and a value for each record, for every slice that the config names.

    Args:
        names: of features; "brightness"; or import paths of functions of images
            (n, height, width, channels) uint8 that give n values.
        records: (n,) string, serialized tf.Examples.
        spec: of the images.
    """
    derived = {name: derive for name in names if (derive := _derived(name))}
    if derived:
        images = parse_examples(records, spec)[0].numpy()
    if len(derived) < len(names):
        parsed = [tf.train.Example.FromString(record).features for record in records.numpy()]
    for name in names:
        if name in derived:
            yield slice_name(name), [str(value) for value in derived[name](images)]
        else:
            yield name, [_text(features, name) for features in parsed]


def brightness(images: np.ndarray) -> np.ndarray:
    """The band of the mean of all pixels: "0-63", "64-127", "128-191" or "192-255".

    Args:
        images: (n, height, width, channels) uint8.
    """
    bands = np.array(["0-63", "64-127", "128-191", "192-255"])
    found: np.ndarray = bands[(images.reshape(len(images), -1).mean(axis=1) // 64).astype(int)]
    return found


def _derived(name: str) -> Callable[[np.ndarray], Sequence[object]] | None:
    if name == "brightness":
        return brightness  # type: ignore[return-value]
    return load_object(name) if ":" in name else None


def _text(features: tf.train.Features, name: str) -> str:
    """A feature's first value as text."""
    if name not in features.feature:
        return MISSING
    feature = features.feature[name]
    values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
    if not values:
        return MISSING
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else str(values[0])
