"""Hash images by their pixels, and texts, to split data independently of order and seed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def hash_image_shares(images: np.ndarray, purpose: str) -> np.ndarray:
    """Map each image to a number, uniform over 0 to 1, that depends on its pixels alone.

    The images whose number is below s are a stable share s of any set: one image is always on the
    same side, whatever its order, its label and the other images.

    Args:
        images: (n, ...) uint8.
        purpose: up to 16 bytes of text; different purposes give independent numbers, so that a
            share of the rest of a split is unbiased too.

    Returns:
        (n,) float64, 0-1.
    """
    return hash_images(images, purpose) / 2.0**64


def hash_images(images: np.ndarray, purpose: str = "") -> np.ndarray:
    """Hash the pixels of each image.

    Args:
        images: (n, ...) uint8.
        purpose: up to 16 bytes of text.

    Returns:
        (n,) uint64. Among a million different images the probability of a collision is 3e-8.
    """
    hashes = [_hash_bytes(image.tobytes(), purpose) for image in images]
    return np.array(hashes, np.uint64)


def hash_share(pixels: memoryview | np.ndarray, purpose: str) -> float:
    """Map one image to a number as `hash_image_shares` does, by the bytes of its pixels."""
    return _hash_bytes(pixels, purpose) / 2.0**64


def hash_text_share(text: str, purpose: str) -> float:
    """Map a text, such as the name of a group, to a number as `hash_image_shares` maps an image."""
    return hash_text(text, purpose) / 2.0**64


def hash_text(text: str, purpose: str = "") -> int:
    """Hash a text, also one that stands for bytes that are no UTF-8: 64 bits."""
    return _hash_bytes(text.encode("utf-8", "surrogateescape"), purpose)


def _hash_bytes(content: Any, purpose: str) -> int:
    digest = hashlib.blake2b(content, digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest, "big")
