"""Splits by content: an image's side follows from its pixels, not from its place or a seed."""

from __future__ import annotations

import hashlib

import numpy as np


def hash_image_shares(images: np.ndarray, purpose: str) -> np.ndarray:
    """A number for each image, spread evenly over 0 to 1, that only its pixels decide.

    Images with a number below s are a stable share s of any set of them: the same image lies on
    the same side whatever its neighbours, its order and its label, so none lies on both.

    Args:
        images: (n, ...) uint8.
        purpose: up to 16 bytes of text; different purposes give independent numbers, so a share
            of the rest of a split is a fair one too.

    Returns:
        (n,) float64, 0-1.
    """
    return hash_images(images, purpose) / 2.0**64


def hash_images(images: np.ndarray, purpose: str = "") -> np.ndarray:
    """A number for each image that tells it from others by its pixels.

    Args:
        images: (n, ...) uint8.
        purpose: up to 16 bytes of text.

    Returns:
        (n,) uint64. Two of a million different images share one with a chance of 3e-8.
    """
    person = purpose.encode()
    pixels = (image.tobytes() for image in images)
    digests = [hashlib.blake2b(p, digest_size=8, person=person).digest() for p in pixels]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
