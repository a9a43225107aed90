"""Share functions that take long to trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import photographs
import pytest

from data.geometry import Geometry
from data.spec import ImageSpec


def make_spec(height: int, width: int, channels: int, **geometry: Any) -> ImageSpec:
    settings = {"background": photographs.BACKGROUND, **geometry}
    return ImageSpec(
        height=height,
        width=width,
        channels=channels,
        class_names=("a", "b"),
        geometry=Geometry(**settings),
    )


@lru_cache
def _make_decoder(channels: int, max_megapixels: float) -> Callable[[bytes], Any]:
    import tensorflow as tf

    from data.images.decode import decode

    spec = make_spec(9, 9, channels, max_megapixels=max_megapixels)
    traced = tf.function(
        lambda file: decode(file, spec),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )
    return lambda file: [result.numpy() for result in traced(tf.constant(file))]


@pytest.fixture(scope="session")
def decoder() -> Callable[..., Callable[[bytes], Any]]:
    """`decoder(channels)` is a function from a file's bytes to its pixels and orientation."""
    return lambda channels, max_megapixels=100.0: _make_decoder(channels, max_megapixels)
