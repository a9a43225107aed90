from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sources import Chunk, SourceConfig
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.array_source import ArraySource


@dataclass
class Numbers:
    """Images of one pixel that count from `first`, in chunks of three."""

    first: int
    num_images: int
    starts: Sequence[int]
    name: str = "numbers"
    label_name: str = "labels"
    image_shape: tuple[int, ...] = (1, 1)

    def count_labels(self) -> Counter[int]:
        return Counter({0: self.num_images, 1: 1})

    def read(self, start: int, stop: int, layout: ArrayLayout) -> Iterator[Chunk]:
        assert start in self.starts
        numbers = np.arange(self.first + start, self.first + stop)
        for piece in np.split(numbers, range(3, len(numbers), 3)):
            yield Chunk(layout.arrange_images(piece.reshape(-1, 1, 1)), piece * 0)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=5))
def test_images_are_numbered_through_all_files_of_a_split(files) -> None:
    pieces, first = [], 0
    for count, step in files:
        pieces.append(Numbers(first, count, range(0, count, step)))
        first += count
    source = ArraySource({"train": pieces, None: pieces[:1]}, SourceConfig())
    for split, total in {"train": first, None: files[0][0]}.items():
        parts = [part for part in source.parts() if part.split == split]
        assert [part.index for part in parts] == list(range(len(parts)))
        images = [chunk.images.ravel() for part in parts for chunk in source.read(part)]
        assert np.concatenate(images).tolist() == list(range(total))
    assert len([p for p in source.parts() if p.split]) == sum(len(p.starts) for p in pieces)
    assert source.num_images() == first + files[0][0]


@pytest.mark.parametrize("facts", [(), ("one", "two")])
def test_what_was_assumed_is_said(facts) -> None:
    source = ArraySource({None: [Numbers(0, 3, [0])]}, SourceConfig(), facts=facts)
    assert source.describe() == "; ".join(facts)
    assert source.spec().class_names == ("0", "1")
