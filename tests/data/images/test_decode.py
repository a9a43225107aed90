from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import image_files as files
import numpy as np
import peak_memory
import photographs
import pytest
import tensorflow as tf
from PIL import Image

from data.images.header import read_header
from data.images.reasons import explain_error

Decoder = Callable[..., Callable[[bytes], Any]]
MIB = 1 << 20


def check_file(drawn: photographs.Drawn, decode: Callable[[bytes], Any], channels: int) -> bool:
    """Hold one drawn file against Pillow. Returns whether it was read."""
    try:
        pixels, orientation = decode(drawn.content)
    except tf.errors.OpError as error:
        if drawn.whole:
            raise AssertionError(drawn.what) from error
        return False
    # Of an animation the first frame may be whole, where Pillow looks for all frames.
    wanted = photographs.read_with_pillow(drawn.original, channels)
    np.testing.assert_array_equal(pixels, wanted, drawn.what)
    header = read_header(drawn.content)
    assert (header.kind, header.height, header.width) == (drawn.kind, *wanted.shape[:2])
    assert header.orientation == orientation
    return True


def check_files(decoder: Decoder, seeds: range, largest: int) -> None:
    read = 0
    for seed in seeds:
        drawn = photographs.draw_file(np.random.default_rng(seed), largest)
        channels = (1, 3, 4)[seed % 3]
        read += check_file(drawn, decoder(channels), channels)
    assert read > 0.85 * len(seeds)


def test_files_of_all_kinds_give_the_pixels_that_pillow_gives(decoder: Decoder) -> None:
    check_files(decoder, range(100), 120)


@pytest.mark.torture
def test_2000_files_of_all_kinds(decoder: Decoder) -> None:
    check_files(decoder, range(1000, 3000), 600)


@pytest.mark.torture
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_files_of_12_megapixels(decoder: Decoder, kind: str) -> None:
    draw = np.random.default_rng(3)
    image = Image.fromarray(photographs.draw_pixels(draw, (3000, 4000), 3))
    if kind == "GIF":
        image = image.quantize(64)
    content = photographs.save(image, kind)
    drawn = photographs.Drawn(content, kind.lower(), kind, True, content)
    for channels in (1, 3, 4):
        assert check_file(drawn, decoder(channels), channels)


def sign_digits(count: int) -> list[Path]:
    """Choose photographs of real hands, by a fixed seed; the three turned ones among them."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("PENSTOCK_TEST_DATA", beside)) / "sign_digits" / "images"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set PENSTOCK_TEST_DATA")
    paths = sorted(folder.glob("*/*"))
    large = [path for path in paths if path.stat().st_size > 300_000]
    assert len(large) == 3
    return [*large[: count // 10], *np.random.default_rng(0).permutation(paths)[:count]]


@pytest.mark.parametrize("count", [9, pytest.param(200, marks=pytest.mark.torture)])
def test_photographs(decoder: Decoder, count: int) -> None:
    for path in sign_digits(count):
        content = path.read_bytes()
        drawn = photographs.Drawn(content, "jpeg", path.name, True, content)
        assert check_file(drawn, decoder(3), 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_same_pixels_in_every_lossless_kind(decoder: Decoder, channels: int) -> None:
    """However they are stored: grey as RGB, opaque as RGBA, few colours by a palette."""
    grey = Image.fromarray(files.noise(9, 7, 1)[..., 0])
    few = Image.fromarray(files.noise(9, 7, 3)).quantize(64)
    for image, modes in ((grey, ("L", "RGB", "RGBA")), (few, ("P", "RGB", "RGBA"))):
        stored = [image if mode == image.mode else image.convert(mode) for mode in modes]
        contents = [photographs.save(i, "PNG") for i in stored]
        contents += [photographs.save(i, "BMP") for i in stored]
        contents += [photographs.save(i.convert("RGB"), "WEBP", lossless=True) for i in stored]
        contents.append(photographs.save(stored[0], "GIF"))
        contents.append(photographs.save(few, "PNG", bits=8) if image is few else contents[0])
        arrays = [decoder(channels)(content)[0] for content in contents]
        for array in arrays:
            np.testing.assert_array_equal(array, arrays[0])


def refuse(file: bytes, decode: Callable[[bytes], Any]) -> str:
    with pytest.raises(tf.errors.OpError) as caught:
        decode(file)
    return explain_error(caught.value)


def vast_png(side: int) -> bytes:
    head = side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return files.chunks((b"IHDR", head), (b"IDAT", b"x" * 300_000), (b"IEND", b""))


NOISE = files.noise(40, 30, 3)
IMAGE = Image.fromarray(NOISE)


def cmyk() -> bytes:
    return photographs.save(IMAGE.convert("CMYK"), "JPEG")


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "it is empty"),
    "text": (lambda: b"this is called photo.jpg", "it is no JPEG, PNG, GIF, WebP or BMP"),
    "another kind of RIFF": (lambda: b"RIFF1234WAVEfmt ", "it is no JPEG, PNG"),
    "cut PNG": (lambda: files.png(NOISE)[:900], "it is truncated"),
    "cut JPEG": (lambda: files.to_file(NOISE, "JPEG")[:900], "its pixels are damaged or truncated"),
    "cut GIF": (lambda: photographs.save(IMAGE.quantize(9), "GIF")[:300], "it is truncated"),
    "cut WebP": (lambda: photographs.save(IMAGE, "WEBP")[:300], "it is truncated"),
    "cut BMP": (lambda: photographs.save(IMAGE, "BMP")[:900], "it is truncated: pixels"),
    "magic bytes alone": (lambda: b"\xff\xd8\xff", "its pixels are damaged or truncated"),
    "damaged PNG": (lambda: files.png(NOISE).replace(b"IHDR", b"IHDQ"), "its header is damaged"),
    "PNG of 8 bytes": (lambda: files.png(NOISE)[:8], "its header is damaged"),
    "PNG of no width": (lambda: vast_png(0), "its header is damaged: it has no size"),
    "CMYK": (cmyk, "it is a CMYK or YCCK JPEG: convert it to RGB"),
    "animated PNG": (lambda: files.animated(NOISE), "it is an animated PNG"),
    "20,000 x 20,000": (
        lambda: vast_png(20_000),
        "it has more pixels than max_megapixels allows: 20000 wide, 20000 high",
    ),
    "BMP of 1 bit": (lambda: photographs.save(IMAGE.convert("1"), "BMP"), "it is a BMP of a kind"),
    "BMP of an old kind": (lambda: b"BM" + bytes(90), "it is a BMP of an old kind, or damaged"),
    "BMP of a negative width": (
        lambda: photographs.save(IMAGE, "BMP")[:18] + b"\xff" * 4 + bytes(40),
        "its header is damaged: it has no size",
    ),
    "GIF without frame": (
        lambda: photographs.save(IMAGE.quantize(9), "GIF")[:40] + b";",
        "it has no frame, or is truncated before",
    ),
    "GIF without palette": (
        lambda: b"GIF89a\1\0\1\0\0\0\0\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0;",
        "it has no palette",
    ),
    "GIF whose frame exceeds the screen": (
        lambda: photographs.save(IMAGE.quantize(9), "GIF").replace(
            b"\x2c\0\0\0\0", b"\x2c\x09\0\0\0", 1
        ),
        "its first frame exceeds the screen",
    ),
    "WebP of two sizes": (
        lambda: photographs.save(IMAGE, "WEBP", exif=files.exif(6)).replace(
            b"\x1d\0\0\x27\0\0", b"\x2d\0\0\x27\0\0", 1
        ),
        "its header is damaged: its image has another size",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_with_its_reason(decoder: Decoder, what: str) -> None:
    make, reason = BAD[what]
    assert refuse(make(), decoder(3)).startswith(reason)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_the_limit_is_checked_in_the_header(decoder: Decoder, kind: str) -> None:
    image = IMAGE.quantize(9) if kind == "GIF" else IMAGE
    file = photographs.save(image, kind)
    assert refuse(file, decoder(3, 0.0011)).startswith("it has more pixels than max_megapixels")
    assert decoder(3)(file)[0].shape == (40, 30, 3)


@pytest.mark.parametrize("kind", ["png", "gif", "gif, frame", "webp", "jpeg", "bmp"])
def test_a_refused_bomb_costs_nothing(decoder: Decoder, kind: str) -> None:
    gif = photographs.save(IMAGE.quantize(9), "GIF")
    jpeg = files.to_file(NOISE, "JPEG")
    size = jpeg.index(b"\xff\xc0") + 5
    vast = {
        "png": vast_png(20_000),
        "gif": gif[:6] + b"\xff" * 4 + gif[10:],
        "gif, frame": gif.replace(b"\x2c\0\0\0\0\x1e\0\x28\0", b"\x2c\0\0\0\0" + b"\xff" * 4, 1),
        "webp": b"RIFF\x1c\0\0\0WEBPVP8L\x0f\0\0\0\x2f\xff\xff\xff\x0f" + bytes(16),
        "jpeg": jpeg[:size] + b"\xf0" * 4 + jpeg[size + 4 :],
        "bmp": photographs.save(IMAGE, "BMP")[:18] + b"\0\0\1\0\0\0\1\0" + bytes(99),
    }[kind]

    def refused() -> None:
        reasons = ("it has more pixels", "its first frame exceeds the screen")
        assert refuse(vast, decoder(3)).startswith(reasons)

    refused()
    assert peak_memory.growth(refused) < MIB


def test_a_wrong_extension_does_not_matter(decoder: Decoder) -> None:
    """The first bytes say what a file is; names are not looked at."""
    assert decoder(3)(files.png(NOISE))[0].shape == (40, 30, 3)
    assert io.BytesIO(files.png(NOISE)).read(4) == b"\x89PNG"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_one_pixel(decoder: Decoder, kind: str) -> None:
    image = Image.new("P" if kind == "GIF" else "RGB", (1, 1))
    assert decoder(3)(photographs.save(image, kind))[0].shape == (1, 1, 3)
