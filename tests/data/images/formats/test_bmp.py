from __future__ import annotations

from collections.abc import Callable
from typing import Any

import image_files as files
import numpy as np
import photographs
from PIL import Image

from data.images.header import read_header

Decoder = Callable[..., Callable[[bytes], Any]]


def test_a_bmp_of_32_bits_is_transparent_only_where_it_says_so(decoder: Decoder) -> None:
    image = Image.fromarray(files.noise(6, 5, 4))
    plain = photographs.save(image, "BMP")
    assert read_header(plain).bits == 8
    np.testing.assert_array_equal(decoder(4)(plain)[0][..., :3], np.asarray(image)[..., :3])
    assert (decoder(4)(plain)[0][..., 3] == 255).all()
    rows = np.asarray(image)[..., [2, 1, 0, 3]].tobytes()
    masks = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
    size = [n.to_bytes(4, "little") for n in (108, 5)] + [(2**32 - 6).to_bytes(4, "little")]
    info = b"".join(size) + b"\1\0\x20\0\3\0\0\0" + bytes(20) + masks + bytes(52)
    head = b"BM" + bytes(8) + (14 + 108).to_bytes(4, "little")
    transparent, _ = decoder(4)(head + info + rows)  # its rows go down
    np.testing.assert_array_equal(transparent, np.asarray(image))
