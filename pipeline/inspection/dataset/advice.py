"""Choose the size and the geometry that fit the images of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from data.geometry import Fit
from pipeline.inspection.dataset.survey import Survey

# Shorter side of the middle image, from which the images that the model sees have this side. Twice
# the side takes four times as long to train.
_SIDES = {0: 32, 48: 48, 64: 64, 144: 96}
_EXACT = 96  # longest side that is taken as it is
_STEP = 8  # pixels; sides are multiples of it, so that a network can halve them
_ONE_SHAPE = 1.1  # aspect ratios differ by less than this factor


@dataclass(frozen=True)
class Advice:
    """A size that fits the images, and why."""

    height: int
    width: int
    channels: int
    fit: Fit
    why: str


def advise(survey: Survey) -> Advice:
    """Choose a size that is not larger than most images, and keeps what is in them."""
    channels = 1 if survey.grey == survey.images else 3
    (height, width), count = survey.sizes.most_common(1)[0]
    if count == survey.images:
        why = f"all images have {height:,} x {width:,} pixels"
        if not survey.orientations and max(height, width) <= _EXACT:
            return Advice(height, width, channels, "exact", why)
    elif count > survey.images / 2:
        why = f"{count:,} of {survey.images:,} images have {height:,} x {width:,} pixels"
    else:
        why = f"the images have {len(survey.sizes):,} sizes"
    return Advice(*_choose_size(survey), channels, "pad", why)


def _choose_size(survey: Survey) -> tuple[int, int]:
    """Return a square, or where all images have about one other shape, that shape."""
    height, width = find_median_size(survey)
    side = max(side for least, side in _SIDES.items() if least <= min(height, width))
    ratios = [width / height for height, width in survey.sizes]
    if max(ratios) / min(ratios) > _ONE_SHAPE or 1 / _ONE_SHAPE < width / height < _ONE_SHAPE:
        return side, side
    short = max(_STEP, round(side * min(height, width) / max(height, width) / _STEP) * _STEP)
    return (short, side) if height < width else (side, short)


def find_median_size(survey: Survey) -> tuple[int, int]:
    """Return the size of the middle image, in the order of their areas."""
    left = survey.images // 2
    for size in sorted(survey.sizes, key=lambda s: (s[0] * s[1], s)):
        left -= survey.sizes[size]
        if left < 0:
            return size
    raise ValueError("no images")
