from __future__ import annotations

from collections.abc import Callable
from typing import Any

import image_files as files
import numpy as np
import photographs
import pytest
from PIL import Image

Decoder = Callable[..., Callable[[bytes], Any]]


@pytest.mark.parametrize("channels", [3, 4])
def test_a_webp_s_first_frame(decoder: Decoder, channels: int) -> None:
    """TensorFlow's own decoder writes beyond its memory where an animation is opaque."""
    frames = [Image.fromarray(files.noise(60, 50, channels, seed)) for seed in range(4)]
    file = photographs.save(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
    )
    wanted = photographs.read_with_pillow(file, channels)
    np.testing.assert_array_equal(decoder(channels)(file)[0], wanted)
