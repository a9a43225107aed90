"""Share functions that take long to trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from photographs import make_spec


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
