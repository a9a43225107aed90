from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import image_files as files
import numpy as np
import pytest
from PIL import Image

from data.errors import BadDataError, EnvironmentTrouble
from data.images.header import Header, read_header

COLOURS = files.noise(6, 5, 4)


def save(kind: str, mode: str, size: tuple[int, int] = (5, 6), **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(COLOURS).resize(size)
    (image if mode == "RGBA" else image.convert("RGB").convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


WHOLE = [
    (kind, mode, options)
    for kind, mode, options in [
        *[("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")],
        ("PNG", "I;16", {}),
        ("PNG", "P", {"bits": 2}),
        *[("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")],
        ("JPEG", "RGB", {"progressive": True, "comment": b"a" * 60_000}),
        ("GIF", "P", {}),
        ("GIF", "L", {"comment": b"a" * 600}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True}),
        *[("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")],
    ]
]


@pytest.mark.parametrize(("kind", "mode", "options"), WHOLE, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("size", [(1, 1), (5, 6), (300, 2)])
def test_a_header_says_what_pillow_says(
    kind: str, mode: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    file = save(kind, mode, size, **options)
    header = read_header(file)
    with Image.open(io.BytesIO(file)) as image:
        assert (header.kind.upper(), header.width, header.height) == (kind, *size)
        assert not header.animated
        if kind == "PNG" and mode != "I;16":
            assert header.mode == {"1": "L"}.get(mode, mode)
        elif kind in ("JPEG", "WEBP"):
            assert header.mode == image.mode


def test_bits_are_those_of_the_file() -> None:
    assert read_header(save("PNG", "I;16")).bits == 16
    assert read_header(save("PNG", "1")).bits == 1
    assert read_header(save("PNG", "P", bits=2)).bits == 2
    assert read_header(save("BMP", "1")).bits == 1


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("endian", "kind"), [("<", 3), ("<", 4), (">", 3), (">", 4)])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_orientation_is_pillows(form: str, endian: str, kind: int, orientation: int) -> None:
    file = save(form, "RGB", exif=files.exif(orientation, endian, kind))
    with Image.open(io.BytesIO(file)) as image:
        value = image.getexif()[0x0112]
    assert read_header(file).orientation == (value if 1 <= value <= 8 else 1)


def test_an_orientation_behind_the_pixels_counts() -> None:
    pixels = files.noise(6, 5, 3)
    tag = files.exif(6).removeprefix(b"Exif\0\0")
    named = files.split_png(files.png(pixels))
    assert read_header(files.chunks(*named[:-1], (b"eXIf", tag), named[-1])).orientation == 6


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_an_animation_is_seen(kind: str) -> None:
    frames = [Image.fromarray(files.noise(6, 5, 3, seed)) for seed in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    header = read_header(buffer.getvalue())
    assert header.animated
    assert (header.height, header.width) == (6, 5)


def test_a_bomb_has_a_size_and_costs_nothing() -> None:
    assert read_header(next(iter(files.VAST.values()))()).height == 8000
    size = (20_000).to_bytes(4, "big")
    vast = files.chunks((b"IHDR", size + size + b"\x08\x02\0\0\0"), (b"IDAT", bytes(9)))
    assert read_header(vast).width == 20_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"a text of some length", "it begins with b'a text of so'"),
        (b"RIFF\0\0\0\0WAVEfmt ", "it begins with b'RIFF"),
        (b"\xff\xd8\xff\xd9", "its header is damaged"),
        (b"\xff\xd8\x00\x00", "its header is damaged"),
        (b"GIF89a" + bytes(7), "its header is damaged"),
        (b"BM" + bytes(40), "its header is damaged"),
        (b"RIFF\0\0\0\0WEBPVP9 " + bytes(20), "its header is damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "its header is damaged"),
    ],
)
def test_what_is_no_image_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BadDataError, match="the file is not an image") as caught:
        read_header(content)
    assert caught.value.got is not None
    assert caught.value.got.startswith(reason)


def test_a_header_cut_anywhere_is_refused_or_the_same() -> None:
    for kind, mode, options in WHOLE:
        file = save(kind, mode, **options)
        whole = read_header(file)
        for length in range(min(len(file), 400)):
            try:
                header = read_header(file[:length])
            except BadDataError:
                continue
            sizes = (header.height, header.width), (whole.height, whole.width)
            assert sizes == ((6, 5), (6, 5))


def test_noise_behind_the_magic_bytes_is_a_header_or_an_error() -> None:
    draw = np.random.default_rng(0)
    for begin in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF1234WEBP", b"BM"):
        for _ in range(300):
            try:
                assert isinstance(read_header(begin + draw.bytes(90)), Header)
            except BadDataError:
                continue


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(save("PNG", "RGB"))
    assert read_header(path) == read_header(path.read_bytes())
    path.write_bytes(b"")
    with pytest.raises(BadDataError, match=r"photo\.png is not an image"):
        read_header(path)
    with pytest.raises(EnvironmentTrouble, match="cannot read"):
        read_header(tmp_path / "none.png")


def test_no_tensorflow_is_imported() -> None:
    code = (
        "import sys, data.images.header; print({'tensorflow', 'PIL', 'numpy'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "set()\n"
