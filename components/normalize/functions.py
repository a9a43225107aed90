"""Preprocessing functions that are ready by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def divide_by_255(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Pixels 0-255 to 0-1, as every one of the tutorials does."""
    return {"image": inputs["image"] / 255.0, "label": inputs["label"]}
