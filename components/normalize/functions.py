"""Define the preprocessing functions that have a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def divide_by_255(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scale pixels from 0-255 to 0-1, as all tutorials do."""
    return {"image": inputs["image"] / 255.0, "label": inputs["label"]}
