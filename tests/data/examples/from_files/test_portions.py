from __future__ import annotations

import itertools

import hypothesis
from hypothesis import strategies

from data.examples.from_files.portions import PORTION_BYTES, PORTION_FILES, group_parts
from data.sources.file_source import FilePart

PARTS = strategies.lists(
    strategies.tuples(
        strategies.integers(0, 5000), strategies.none() | strategies.integers(0, 100 << 20)
    ),
    max_size=30,
)


@hypothesis.given(PARTS, strategies.integers(1, 200_000))
def test_parts_keep_their_order_and_portions_their_limits(sizes, image_bytes: int) -> None:
    parts = [
        FilePart(index=index, files=files, size=size, items=None)
        for index, (files, size) in enumerate(sizes)
    ]
    portions = group_parts(parts, image_bytes)
    assert [part for portion in portions for part in portion.parts] == parts
    assert [portion.index for portion in portions] == list(range(len(portions)))
    for portion in portions:
        assert portion.files == sum(part.files for part in portion.parts)
        if len(portion.parts) > 1:
            assert portion.files <= PORTION_FILES
            assert portion.files * image_bytes <= PORTION_BYTES
            assert sum(part.size or 0 for part in portion.parts) <= PORTION_BYTES
    for before, after in itertools.pairwise(portions):
        assert (
            before.files + after.parts[0].files > PORTION_FILES
            or sum(max(p.size or 0, p.files * image_bytes) for p in (*before.parts, after.parts[0]))
            > PORTION_BYTES
        )
