"""The 1,797 handwritten digits that scikit-learn ships (UCI, Alpaydin and Kaynak, 1998)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data.content import falls_within
from data.errors import ConfigError
from data.sources import CHUNK_IMAGES, Chunk, Part, SourceConfig
from data.spec import ImageSpec

TEST_SHARE = 0.2


class DigitsSource:
    """8 x 8 x 1; values 0-16 become 0-255; the test split is a stable fifth by content."""

    def __init__(self, config: SourceConfig) -> None:
        if config.path:
            raise ConfigError(
                "the source 'digits' reads no path",
                got=f"ingest.path={config.path}",
                remedy="--set ingest.source=idx, or another that reads files",
            )
        self._names = config.class_names or tuple("0123456789")

    def spec(self) -> ImageSpec:
        return ImageSpec(height=8, width=8, channels=1, class_names=self._names)

    def parts(self) -> list[Part]:
        return [Part(split="train", index=0), Part(split="test", index=0)]

    def num_images(self) -> int:
        return 1797

    def read(self, part: Part) -> Iterator[Chunk]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images[..., np.newaxis] * (255 / 16)).astype(np.uint8)
        chosen = falls_within(images, TEST_SHARE) == (part.split == "test")
        images, labels = images[chosen], digits.target[chosen].astype(np.int64)
        for start in range(0, len(labels), CHUNK_IMAGES):
            stop = start + CHUNK_IMAGES
            yield Chunk(images[start:stop], labels[start:stop])
