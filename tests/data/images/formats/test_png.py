from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import photographs

Decoder = Callable[..., Callable[[bytes], Any]]


def test_16_bits_keep_their_upper_byte(decoder: Decoder) -> None:
    wide = np.random.default_rng(0).integers(0, 65536, (6, 5, 3))
    np.testing.assert_array_equal(decoder(3)(photographs.wide_png(wide))[0], wide >> 8)
