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
    wanted = photographs.read_with_pillow(drawn.content, channels)
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
    drawn = photographs.Drawn(content, kind.lower(), kind, True)
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
        drawn = photographs.Drawn(path.read_bytes(), "jpeg", path.name, True)
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


def test_16_bits_keep_their_upper_byte(decoder: Decoder) -> None:
    wide = np.random.default_rng(0).integers(0, 65536, (6, 5, 3))
    np.testing.assert_array_equal(decoder(3)(photographs.wide_png(wide))[0], wide >> 8)


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


@pytest.mark.parametrize("channels", [3, 4])
def test_a_webp_s_first_frame(decoder: Decoder, channels: int) -> None:
    """TensorFlow's own decoder writes beyond its memory where an animation is opaque."""
    frames = [Image.fromarray(files.noise(60, 50, channels, seed)) for seed in range(4)]
    file = photographs.save(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
    )
    wanted = photographs.read_with_pillow(file, channels)
    np.testing.assert_array_equal(decoder(channels)(file)[0], wanted)


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
        assert refuse(vast, decoder(3)).startswith("it has more pixels")

    refused()
    assert peak_memory.growth(refused) < MIB


def test_a_gif_of_many_frames_costs_its_first(decoder: Decoder) -> None:
    whole = photographs.save(Image.new("P", (3000, 1000)), "GIF")
    frame = whole[whole.index(b"\x2c\0\0\0\0") : -1]
    file = whole[:-1] + 200 * frame + b";"
    assert read_header(file).animated
    decoder(3)(whole)
    assert peak_memory.growth(lambda: decoder(3)(file)) < 60 * MIB


def test_a_wrong_extension_does_not_matter(decoder: Decoder) -> None:
    """The first bytes say what a file is; names are not looked at."""
    assert decoder(3)(files.png(NOISE))[0].shape == (40, 30, 3)
    assert io.BytesIO(files.png(NOISE)).read(4) == b"\x89PNG"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_one_pixel(decoder: Decoder, kind: str) -> None:
    image = Image.new("P" if kind == "GIF" else "RGB", (1, 1))
    assert decoder(3)(photographs.save(image, kind))[0].shape == (1, 1, 3)
