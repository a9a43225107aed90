"""Choose stride, depth and widths of the convolutional network by the image size, without Keras."""

from __future__ import annotations

_STEM_PIXELS = 128 * 128  # most pixels of the first map, which decides time and memory
_STEM_SIDE = 8  # a stride leaves at least this side
_LAST_SIDE = 4  # least side of the last map
_MOST_BLOCKS = 5
_FIRST_FILTERS, _MOST_FILTERS = 24, 96


def choose_stem_stride(height: int, width: int) -> int:
    """Choose the stride of the first convolution: 1, or the power of 2 that large images need."""
    stride = 1
    while (
        height * width > _STEM_PIXELS * stride**2 and min(height, width) >= 2 * stride * _STEM_SIDE
    ):
        stride *= 2
    return stride


def choose_filters(height: int, width: int) -> list[int]:
    """Choose the filters of each block: 24, 48, 72, 96, 96, the first of them for small images."""
    side, blocks = _find_stem_side(height, width), 1
    while side // 2 >= _LAST_SIDE and blocks < _MOST_BLOCKS:
        side //= 2
        blocks += 1
    return [min(_FIRST_FILTERS * (n + 1), _MOST_FILTERS) for n in range(blocks)]


def count_most_blocks(height: int, width: int) -> int:
    """Count the blocks, each with half the side of the one before, until the side is 1 pixel."""
    return _find_stem_side(height, width).bit_length()


def _find_stem_side(height: int, width: int) -> int:
    """Find the shorter side of the first map."""
    return -(-min(height, width) // choose_stem_stride(height, width))
