"""Arrange stored pixels and labels as examples have them: order of axes, first label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from data.errors import BadDataError
from data.sources.source_config import Axes, SourceConfig

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class ArrayLayout:
    """How images and labels lie in an array."""

    axes: Axes = "HWC"  # order of the axes of an image that has channels
    transpose: bool = False  # whether rows and columns are exchanged
    first_label: int = 0  # number of the first class

    @classmethod
    def of(cls, config: SourceConfig, dataset: str = "") -> Self:
        """Return the layout that the settings state, else the one that the dataset's name tells."""
        transpose = config.transpose
        if transpose is None:
            transpose = _is_transposed(dataset)
        return cls(config.axes, transpose, config.first_label)

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

    def check_axes(self, shape: tuple[int, ...], where: str) -> None:
        """Check that the axes of images stored in this shape are not those of the other order.

        Raises:
            BadDataError: by the other order there would be 1, 3 or 4 channels, by this one not.
        """
        channels, other, at = (2, "CHW", 0) if self.axes == "HWC" else (0, "HWC", 2)
        if len(shape) == 3 and shape[channels] not in _CHANNELS and shape[at] in _CHANNELS:
            raise BadDataError(
                f"{where} has images of {shape[channels]} channels by the axes {self.axes}",
                expected="1, 3 or 4 channels",
                got=f"images of shape {shape}",
                follows="nothing was ingested",
                remedy=f"--set ingest.axes={other}",
            )

    def arrange_labels(self, labels: np.ndarray) -> np.ndarray:
        """Return stored labels as (n,) int64 from 0.

        Args:
            labels: (n,) integers, or (n, k), of which the first column counts.
        """
        return labels.reshape(len(labels), -1)[:, 0].astype(np.int64) - self.first_label


def describe_assumption(dataset: str, config: SourceConfig) -> list[str]:
    """Say what `ArrayLayout.of` assumes of a dataset by its name; nothing if it assumes nothing."""
    if config.transpose is not None or not _is_transposed(dataset):
        return []
    return ["rows and columns are exchanged, as in EMNIST; --set ingest.transpose=false if not"]


def _is_transposed(dataset: str) -> bool:
    return dataset.startswith("emnist")
