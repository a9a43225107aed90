"""Depth and stride against a naive count, for all sizes, and for those of known data."""

from __future__ import annotations

import itertools

import pytest

from components.models.conv_sizes import choose_filters, choose_stem_stride, count_most_blocks

SIDES = (*range(1, 40), 63, 64, 65, 96, 127, 128, 129, 224, 256, 300, 512, 1000, 3024)


def list_sides(height: int, width: int, blocks: int) -> list[tuple[int, int]]:
    """Height and width of the map of each block."""
    stride = choose_stem_stride(height, width)
    sides = [(-(-height // stride), -(-width // stride))]
    for _ in range(blocks - 1):
        sides.append((sides[-1][0] // 2, sides[-1][1] // 2))
    return sides


@pytest.mark.parametrize(
    ("height", "width", "stride", "filters"),
    [
        (1, 1, 1, [24]),
        (8, 8, 1, [24, 48]),
        (28, 28, 1, [24, 48, 72]),
        (32, 48, 1, [24, 48, 72, 96]),
        (64, 64, 1, [24, 48, 72, 96, 96]),
        (96, 96, 1, [24, 48, 72, 96, 96]),
        (224, 224, 2, [24, 48, 72, 96, 96]),
        (512, 512, 4, [24, 48, 72, 96, 96]),
        (8, 512, 1, [24, 48]),
    ],
)
def test_known_sizes(height, width, stride, filters) -> None:
    assert choose_stem_stride(height, width) == stride
    assert choose_filters(height, width) == choose_filters(width, height) == filters


def test_maps_are_small_enough_for_memory_and_large_enough_to_tell_places_apart() -> None:
    for height, width in itertools.product(SIDES, SIDES):
        filters = choose_filters(height, width)
        assert filters == [24, 48, 72, 96, 96][: len(filters)]
        sides = list_sides(height, width, len(filters))
        assert min(sides[-1]) >= min(4, height, width)
        # a row more where a side is no multiple of the stride
        assert (sides[0][0] - 1) * (sides[0][1] - 1) < 128 * 128 or min(sides[0]) <= 16
        assert len(filters) <= count_most_blocks(height, width)


def test_the_most_blocks_end_at_one_pixel() -> None:
    for height, width in itertools.product(SIDES, SIDES):
        most = count_most_blocks(height, width)
        assert min(list_sides(height, width, most)[-1]) == 1
        assert min(list_sides(height, width, most + 1)[-1]) == 0
