"""Read the 1,797 handwritten digits that scikit-learn ships: 8 x 8 pixels, without a download."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data.base.content_hash import hash_image_shares
from data.sources.arrays.class_names import choose_class_names
from data.sources.source import Chunk, Part
from data.sources.source_config import SourceConfig
from data.spec import ImageSpec

_TEST_SHARE = (
    0.2  # the dataset has no official test split: a fifth is chosen by a hash of the pixels
)


class DigitsSource:
    """scikit-learn's digits; the pixel values 0-16 are scaled to 0-255."""

    def __init__(self, config: SourceConfig) -> None:
        config.check("digits")
        own = tuple(str(digit) for digit in range(10))
        self._class_names = choose_class_names(config.class_names, own, "digits")

    def spec(self) -> ImageSpec:
        return ImageSpec(height=8, width=8, channels=1, class_names=self._class_names)

    def parts(self) -> list[Part]:
        return [Part("train", 0), Part("test", 0)]

    def num_images(self) -> int:
        return 1797

    def read(self, part: Part) -> Iterator[Chunk]:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
        labels = bunch.target.astype(np.int64)
        in_split = (hash_image_shares(images, "test") < _TEST_SHARE) == (part.split == "test")
        yield Chunk(images[in_split], labels[in_split])
