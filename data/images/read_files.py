"""Decode and fit the contents of many files: for ingest, on as many cores as there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data.content_hash import hash_image_shares
from data.spec import ImageSpec


class ReadImage(NamedTuple):
    """The outcome for one file."""

    pixels: np.ndarray | None  # (spec.height, spec.width, spec.channels) uint8; None: a bad file
    # Of the decoded pixels before the geometry, for each purpose: 0-1, uniform, as
    # `content_hash.hash_image_shares` computes it of an array of the same pixels.
    shares: dict[str, float]
    problem: str | None = None  # why the file is bad, in one sentence
    kind: str = ""  # jpeg, png, gif, webp or bmp
    height: int = 0  # of the file, as stored
    width: int = 0


def read_files(
    contents: Sequence[bytes], spec: ImageSpec, purposes: Sequence[str]
) -> Iterator[ReadImage]:
    """Decode and fit files, in their order; a bad file is an outcome, not an error."""
    import tensorflow as tf

    from data.images.decode import decode
    from data.images.fit import fit

    for content in contents:
        try:
            native, orientation = decode(tf.constant(content), spec)
            pixels = fit(native, orientation, spec).numpy()
        except tf.errors.OpError as error:
            yield ReadImage(None, {}, str(error))
            continue
        shares = {p: float(hash_image_shares(native.numpy()[None], p)[0]) for p in purposes}
        kind = "jpeg" if content[:2] == b"\xff\xd8" else "png"
        yield ReadImage(pixels, shares, None, kind, *native.shape[:2])
