"""Check the source: run `pytest` in this folder."""

import numpy as np
from shapes import NAMES, ShapesSource

from data.sources import SourceConfig


def test_every_image_has_the_source_s_shape_and_a_class() -> None:
    source = ShapesSource(SourceConfig(options={"train": 30, "test": 10}))
    for part in source.parts():
        for images, labels in source.read(part):
            assert images.dtype == np.uint8
            assert images.shape[1:] == source.spec().shape
            assert set(labels) <= set(range(len(NAMES)))
