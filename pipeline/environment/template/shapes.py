"""The source of the images. Replace `_draw` by code that reads your own files."""

from collections.abc import Iterator

import numpy as np

from data.sources import CHUNK_IMAGES, Chunk, Part, SourceConfig
from data.spec import ImageSpec

NAMES = ("cross", "square", "stripes")
SIZE = 16


class ShapesSource:
    """Draw three shapes, 16 x 16 pixels, at random places, with noise."""

    def __init__(self, config: SourceConfig) -> None:
        self._count = {split: int(config.options[split]) for split in ("train", "test")}

    def spec(self) -> ImageSpec:
        return ImageSpec(height=SIZE, width=SIZE, channels=1, class_names=NAMES)

    def parts(self) -> list[Part]:
        return [Part(split=split, index=0) for split in self._count]

    def num_images(self) -> int:
        return sum(self._count.values())

    def stamp(self) -> str:
        """Return a text that changes when the images change: an ETag, a row count, a digest.

        For data that no path in the options leads to. After a change ingest runs again.
        """
        return "drawn by this file"

    def read(self, part: Part) -> Iterator[Chunk]:
        rng = np.random.default_rng([part.split == "test", part.index])
        for start in range(0, self._count[part.split], CHUNK_IMAGES):
            count = min(CHUNK_IMAGES, self._count[part.split] - start)
            labels = rng.integers(0, len(NAMES), count)
            yield Chunk(np.stack([_draw(label, rng) for label in labels]), labels)


def _draw(label: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one image, (16, 16, 1) uint8."""
    image = rng.integers(0, 60, (SIZE, SIZE, 1), dtype=np.uint8)
    top, left = rng.integers(1, 7, 2)
    box = image[top : top + 8, left : left + 8]
    if NAMES[label] == "cross":
        box[3:5], box[:, 3:5] = 220, 220
    elif NAMES[label] == "square":
        box[[0, -1]], box[:, [0, -1]] = 220, 220
    else:
        box[::2] = 220
    return image
