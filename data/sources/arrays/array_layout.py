"""Arrange stored pixels and labels as examples have them: order of axes, first label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from data.sources.source_config import Axes, SourceConfig


@dataclass(frozen=True)
class ArrayLayout:
    """How images and labels lie in an array."""

    axes: Axes = "HWC"  # order of the axes of an image that has channels
    transpose: bool = False  # whether rows and columns are exchanged
    first_label: int = 0  # number of the first class

    @classmethod
    def of(cls, config: SourceConfig) -> Self:
        """Return the layout that the settings state."""
        return cls(config.axes, config.transpose, config.first_label)

    def arrange_images(self, images: np.ndarray) -> np.ndarray:
        """Return a view of stored images, (n, height, width, channels).

        Args:
            images: (n, height, width), or with channels in the order of `axes`; width and height
                are exchanged if `transpose`.
        """
        if images.ndim == 3:
            images = images[..., np.newaxis]
        elif self.axes == "CHW":
            images = np.moveaxis(images, 1, 3)
        return images.swapaxes(1, 2) if self.transpose else images

    def arrange_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return (height, width, channels) of images that are stored in this shape, without n."""
        height, width, channels = (*shape, 1)[:3]
        if len(shape) == 3 and self.axes == "CHW":
            channels, height, width = shape
        return (width, height, channels) if self.transpose else (height, width, channels)

    def arrange_labels(self, labels: np.ndarray) -> np.ndarray:
        """Return stored labels, (n,) or (n, 1) integers, as (n,) int64 from 0."""
        return labels.reshape(-1).astype(np.int64) - self.first_label
