from __future__ import annotations

from collections.abc import Callable
from typing import Any

import image_files as files
import pytest

from data.images.header import read_header

Decoder = Callable[..., Callable[[bytes], Any]]


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_orientation(decoder: Decoder, form: str, orientation: int) -> None:
    for endian, kind in (("<", 3), ("<", 4), (">", 3), (">", 4)):
        tag = files.exif(orientation, endian, kind)
        file = files.to_file(files.noise(6, 5, 3), form, exif=tag)
        assert decoder(3)(file)[1] == (orientation if 1 <= orientation <= 8 else 1)


def put_segments(*segments: bytes) -> bytes:
    """Make a JPEG with further segments, each with its marker, behind its first two bytes."""
    file = files.to_file(files.noise(6, 5, 3), "JPEG")
    framed = [s[:2] + (len(s)).to_bytes(2, "big") + s[2:] for s in segments]
    return file[:2] + b"".join(framed) + file[2:]


def test_exif_behind_other_segments(decoder: Decoder) -> None:
    tag = b"\xff\xe1" + files.exif(6)
    comment, profile = b"\xff\xfe" + b"a" * 60_000, b"\xff\xe2" + b"ICC_PROFILE\0" * 900
    other = b"\xff\xe1http://ns.adobe.com/xap/1.0/\0<x/>"
    mention = b"\xff\xfe" + files.exif(8)  # in a comment: no EXIF
    for segments in ([tag], [comment, profile, tag], [other, tag], [mention, tag], [tag, other]):
        file = put_segments(*segments)
        assert decoder(3)(file)[1] == 6
        assert read_header(file).orientation == 6
    assert decoder(3)(put_segments(mention))[1] == 1
    assert decoder(3)(put_segments(tag, b"\xff\xe1" + files.exif(3)))[1] == 6  # the first counts
    filled = put_segments(comment, tag).replace(b"\xff\xe1", b"\xff\xff\xff\xe1", 1)
    assert decoder(3)(filled)[1] == 6


@pytest.mark.parametrize(
    "tag",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0XX*\0" + files.exif(6)[10:],
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        files.exif(6)[:-8],
        files.exif(6).replace(b"\x12\x01\x03\0\x01", b"\x12\x01\x03\0\x02"),  # two values
        files.exif(6).replace(b"\x12\x01\x03\0", b"\x12\x01\x02\0"),  # a text
    ],
)
def test_damaged_exif_is_no_orientation(decoder: Decoder, tag: bytes) -> None:
    file = put_segments(b"\xff\xe1" + tag)
    assert decoder(3)(file)[1] == 1 == read_header(file).orientation


def test_exif_behind_a_png_s_pixels(decoder: Decoder) -> None:
    named = files.split_png(files.png(files.noise(6, 5, 3)))
    chunk = (b"eXIf", files.exif(6).removeprefix(b"Exif\0\0"))
    file = files.chunks(*named[:-1], chunk, named[-1])
    assert decoder(3)(file)[1] == 6
    assert decoder(3)(file + b"bytes behind the end")[1] == 6
