"""Check the options of `train.augmentation`, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from data.errors import ConfigError, suggest_names
from data.spec import ImageSpec

FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}  # axes


def check_augmentation(options: Mapping[str, Any], spec: ImageSpec | None) -> None:
    """Raise ConfigError if an option is unknown or out of range.

    Args:
        options: as in `train.augmentation`.
        spec: of the images; None: not known yet.
    """
    largest = {
        "rotation": 180,
        "shift": 1,
        "zoom": 0.9,
        "crop": min(spec.shape[:2]) if spec else math.inf,
        "contrast": 1,
    }
    for name, value in options.items():
        if name not in ("flip", *largest):
            raise ConfigError(
                f"no augmentation {name!r}", remedy=suggest_names(name, ["flip", *largest])
            )
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name == "flip":
            fits, expected = value in FLIPS, " or ".join(FLIPS)
        elif name == "crop":
            fits = isinstance(value, int) and is_number and 0 < value <= largest[name]
            expected = "a whole number of pixels, more than 0"
            expected += f", at most {largest[name]}" if spec else ""
        else:
            fits = is_number and 0 < value <= largest[name]
            expected = f"a number, more than 0, at most {largest[name]}"
        if not fits:
            raise ConfigError(
                f"train.augmentation: {name} cannot be {value!r}",
                expected=expected,
                remedy=f"set train.augmentation.{name} in this range, or remove it",
            )
