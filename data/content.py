"""Splitting by content: the same image always falls on the same side, whatever its order or run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def position(image: np.ndarray) -> float:
    """A stable pseudo-random number of an image's pixels, 0 <= x < 1 (BLAKE2b, 8 bytes)."""
    digest = hashlib.blake2b(image.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def falls_within(images: np.ndarray, share: float) -> np.ndarray:
    """Which images belong to a split that holds `share` of all.

    Args:
        images: (n, height, width, channels) uint8.
        share: 0 <= share <= 1.

    Returns:
        (n,) bool. Raising the share only adds images.
    """
    import numpy as np

    return np.array([position(image) < share for image in images], dtype=bool)
