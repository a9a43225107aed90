"""Compute the slices of a split, from a feature of the examples or from the pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import tensorflow as tf

from components.evaluate.rules import BRIGHTNESS, slice_name
from data.code.import_path import load_object
from data.errors import ConfigError

MISSING = "missing"  # the value of an example that lacks the feature
MOST_VALUES = 1000  # of one slice: each costs time, memory, and a row of the report


def slice_columns(
    names: Sequence[str], records: np.ndarray, images: np.ndarray | None
) -> Iterator[tuple[str, list[str]]]:
    """Yield the column name and a value for each record, for every slice of the config.

    Args:
        names: of features; "brightness"; or import paths of functions of images
            (n, height, width, channels) uint8 that give n values.
        records: (n,) bytes, serialized tf.Examples.
        images: their pixels; None where no name needs them: see `needs_pixels`.

    Raises:
        ConfigError: a function cannot be loaded, or gives another number of values.
    """
    derived = {name: derive for name in names if (derive := _load_function(name))}
    if len(derived) < len(names):
        parsed = [tf.train.Example.FromString(record).features for record in records]
    for name in names:
        if name in derived:
            assert images is not None
            values = [str(value) for value in derived[name](images)]
            if len(values) != len(images):
                raise ConfigError(
                    f"the slice {name} does not give a value for each image",
                    expected=f"{len(images)} values",
                    got=f"{len(values)} values",
                    follows="there is no verdict",
                    remedy="fix the slicing function: return one value for each image",
                )
            yield slice_name(name), values
        else:
            yield name, [_read_text(features, name) for features in parsed]


def needs_pixels(names: Sequence[str]) -> bool:
    """Whether a slice is computed from the pixels."""
    return any(name == BRIGHTNESS or ":" in name for name in names)


def check_slice_functions(names: Sequence[str]) -> None:
    """Raise ConfigError if the function of a slice cannot be loaded."""
    for name in names:
        _load_function(name)


def check_number_of_values(name: str, values: Collection[str]) -> None:
    """Check how many values a slice has, since the metrics are made for each of them.

    Raises:
        ConfigError: there are more than `MOST_VALUES`; some are named.
    """
    if len(values) > MOST_VALUES:
        some = ", ".join(repr(value[:40]) for value in sorted(values)[:3])
        raise ConfigError(
            f"the slice {name} has too many values",
            expected=f"at most {MOST_VALUES:,} values, such as a camera or a hospital",
            got=f"{len(values):,} values or more: {some} …",
            follows="there is no verdict",
            remedy=f"remove {name} from evaluate.slices, or name a feature that groups the images",
        )


def brightness(images: np.ndarray) -> np.ndarray:
    """Compute the band of each image's mean pixel: "0-63", "64-127", "128-191" or "192-255".

    Args:
        images: (n, height, width, channels) uint8.
    """
    bands = np.array(["0-63", "64-127", "128-191", "192-255"])
    means = images.reshape(len(images), -1).mean(axis=1)
    values: np.ndarray = bands[(means // 64).astype(int)]
    return values


def _load_function(name: str) -> Callable[[np.ndarray], Sequence[object]] | None:
    if name == BRIGHTNESS:
        return brightness  # type: ignore[return-value]
    return load_object(name) if ":" in name else None


def _read_text(features: tf.train.Features, name: str) -> str:
    """Read the first value of a feature as text."""
    if name not in features.feature:
        return MISSING
    feature = features.feature[name]
    values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
    if not values:
        return MISSING
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else str(values[0])
