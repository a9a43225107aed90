"""Examples written by hand, small enough to compare whole."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec

SHAPE = (4, 5, 3)
COUNT = 3000  # more than is parsed at a time


class Small(NamedTuple):
    """All images as train in three shards; the first seven as test."""

    examples: Examples
    images: np.ndarray
    labels: np.ndarray  # each image is its own class, so that orders can be compared


@pytest.fixture
def small(tmp_path: Path) -> Small:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)
    labels = np.arange(COUNT)
    bounds = [0, 1000, 1001, COUNT]
    for index, (start, stop) in enumerate(itertools.pairwise(bounds)):
        records = encode(images[start:stop], labels[start:stop])
        (tmp_path / shard_name("train", index, 3)).write_bytes(records)
    (tmp_path / shard_name("test", 0, 1)).write_bytes(encode(images[:7], labels[:7]))
    names = tuple(map(str, range(COUNT)))
    spec = ImageSpec(height=4, width=5, channels=3, class_names=names)
    counts = {"train": (1,) * COUNT, "test": (1,) * 7 + (0,) * (COUNT - 7)}
    return Small(Examples(path=tmp_path, spec=spec, counts=counts), images, labels)
