from __future__ import annotations

from collections.abc import Callable
from typing import Any

import image_files as files
import numpy as np
import peak_memory
import photographs
from PIL import Image

from data.images.header import read_header

Decoder = Callable[..., Callable[[bytes], Any]]
MIB = 1 << 20


def test_a_gif_s_first_frame_lies_on_its_screen(decoder: Decoder) -> None:
    """Around it, and in its transparent colour, is the background."""
    palette = Image.fromarray(files.noise(6, 5, 3)).quantize(8)
    whole = photographs.save(palette, "GIF", transparency=3)
    frame = whole.index(b"\x2c\0\0\0\0\x05\0\x06\0")
    file = bytearray(whole)
    file[6:10] = b"\x09\0\x0a\0"  # a larger screen
    file[frame + 1 : frame + 5] = b"\x02\0\x03\0"
    pixels, _ = decoder(4)(bytes(file))
    assert pixels.shape == (10, 9, 4)
    np.testing.assert_array_equal(pixels[3:9, 2:7], decoder(4)(whole)[0])
    assert not pixels[:3].any()
    indices = np.asarray(palette)
    assert (decoder(3)(bytes(file))[0][3:9, 2:7][indices == 3] == photographs.BACKGROUND).all()
    assert (decoder(3)(bytes(file))[0][:3] == photographs.BACKGROUND).all()


def test_a_gif_of_many_frames_costs_its_first(decoder: Decoder) -> None:
    whole = photographs.save(Image.new("P", (3000, 1000)), "GIF")
    frame = whole[whole.index(b"\x2c\0\0\0\0") : -1]
    file = whole[:-1] + 200 * frame + b";"
    assert read_header(file).animated
    decoder(3)(whole)
    assert peak_memory.growth(lambda: decoder(3)(file)) < 60 * MIB
