"""Draw image files of every kind, size and mode, and read them with Pillow: the oracle."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import image_files as files
import numpy as np
from PIL import Image, ImageFile, ImageOps

from data.geometry import ALL_FORMATS, Geometry
from data.spec import ImageSpec

ImageFile.MAXBLOCK = 1 << 24  # bytes: noise does not become smaller
BACKGROUND = (200, 30, 90)
Draw = np.random.Generator


def make_spec(height: int, width: int, channels: int, **geometry: Any) -> ImageSpec:
    """Make a spec with this background, and settings of the geometry."""
    settings = {"background": BACKGROUND, "formats": ALL_FORMATS, **geometry}
    return ImageSpec(
        height=height,
        width=width,
        channels=channels,
        class_names=("a", "b"),
        geometry=Geometry(**settings),
    )


class Drawn(NamedTuple):
    content: bytes
    kind: str
    what: str
    whole: bool
    original: bytes  # before it was truncated


def draw_file(draw: Draw, largest: int = 400) -> Drawn:
    """Draw one file: of ten, one is truncated."""
    names = list(_KINDS)
    kind = names[draw.integers(len(names))]
    size = _draw_size(draw, largest)
    content, what = _KINDS[kind](draw, size)
    whole = draw.random() < 0.9
    read = content if whole else content[: draw.integers(len(content))]
    return Drawn(read, kind, f"{kind} {size[1]}x{size[0]} {what}", whole, content)


def read_with_pillow(content: bytes, channels: int, turn: bool = False) -> np.ndarray:
    """Decode the first frame, over the background, by Pillow and NumPy."""
    with Image.open(io.BytesIO(content)) as image:
        if image.mode.startswith("I"):  # 16 bits of grey
            upper = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
            pixels = np.asarray(upper.convert("RGBA"))
        else:
            pixels = np.asarray(image.convert("RGBA"))
        orientation = image.getexif().get(0x0112, 1)
    if turn:
        stored = Image.fromarray(pixels)
        stored.getexif()[0x0112] = orientation
        pixels = np.asarray(ImageOps.exif_transpose(stored))
    if channels == 4:
        return pixels
    colours, alpha = pixels[..., :3].astype(int), pixels[..., 3:].astype(int)
    flat = (alpha * colours + (255 - alpha) * np.array(BACKGROUND) + 127) // 255
    if channels == 3:
        return flat.astype(np.uint8)
    grey = (flat @ [19595, 38470, 7471] + 32768) >> 16
    return grey[..., None].astype(np.uint8)


def draw_pixels(draw: Draw, size: tuple[int, int], channels: int = 4) -> np.ndarray:
    """Draw noise, or a smooth picture, (height, width, channels) uint8."""
    if draw.random() < 0.5 and max(size) < 1000:
        return draw.integers(0, 256, (*size, channels), np.uint8)
    coarse = Image.fromarray(draw.integers(0, 256, (7, 7, 4), np.uint8))
    smooth = np.asarray(coarse.resize(size[::-1], Image.Resampling.BICUBIC))
    return smooth[..., :channels]


def _draw_size(draw: Draw, largest: int) -> tuple[int, int]:
    limit = (3, 40, 40, largest)[draw.integers(4)]
    height, width = draw.integers(1, limit + 1, 2)
    return int(height), int(width)


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _exif(draw: Draw) -> dict[str, Any]:
    if draw.random() < 0.5:
        return {}
    endian, kind = ("<", ">")[draw.integers(2)], int(draw.integers(3, 5))
    return {"exif": files.exif(int(draw.integers(0, 10)), endian, kind)}


def _png(draw: Draw, size: tuple[int, int]) -> tuple[bytes, str]:
    pixels = draw_pixels(draw, size)
    image = Image.fromarray(pixels)
    opaque, options = image.convert("RGB"), _exif(draw)
    kind = int(draw.integers(14))
    if kind < 4:
        mode = ("1", "L", "LA", "RGB")[kind]
        source = image if mode == "LA" else opaque
        return save(source.convert(mode), "PNG", **options), mode
    if kind == 4:
        return save(image, "PNG", **options), "RGBA"
    if kind in (5, 6):
        bits = (1, 2, 4, 8)[draw.integers(4)]
        palette = opaque.quantize(2**bits)
        if kind == 6:
            options["transparency"] = bytes(draw.integers(0, 256, 2**bits, np.uint8))
        return save(palette, "PNG", bits=bits, **options), f"P {bits} {kind}"
    if kind == 7:
        grey = draw.integers(0, 65536, size).astype(np.uint16)
        return save(Image.fromarray(grey), "PNG", **options), "16 bits grey"
    if kind == 8:
        value = int(opaque.convert("L").getpixel((0, 0)))
        return save(opaque.convert("L"), "PNG", transparency=value, **options), "L, tRNS"
    if kind == 9:
        colour = opaque.getpixel((0, 0))
        return save(opaque, "PNG", transparency=colour, **options), "RGB, tRNS"
    if kind == 10:
        return wide_png(draw.integers(0, 65536, (*size, 3))), "16 bits RGB"
    if kind == 11:
        return wide_png(draw.integers(0, 65536, (*size, 4))), "16 bits RGBA"
    channels = (1, 3, 4)[draw.integers(3)]
    more = [(b"eXIf", options["exif"].removeprefix(b"Exif\0\0"))] if options else []
    return files.png(pixels[..., :channels], *more, interlaced=True), f"interlaced {channels}"


def wide_png(pixels: np.ndarray) -> bytes:
    """Make a PNG of 16 bits for each sample."""
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return files.chunks((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def _jpeg(draw: Draw, size: tuple[int, int]) -> tuple[bytes, str]:
    mode = ("L", "RGB", "RGB")[draw.integers(3)]
    options: dict[str, Any] = {
        "quality": int(draw.integers(20, 100)),
        "progressive": bool(draw.integers(2)),
        "restart_marker_blocks": int(draw.integers(2)),
        **_exif(draw),
    }
    if mode == "RGB":
        options["subsampling"] = int(draw.integers(3))
    image = Image.fromarray(draw_pixels(draw, size, 3)).convert(mode)
    return save(image, "JPEG", **options), f"{mode} {options}"[:200]


def _gif(draw: Draw, size: tuple[int, int]) -> tuple[bytes, str]:
    colours = int(draw.integers(2, 257))
    frames = [
        Image.fromarray(draw_pixels(draw, size, 3)).quantize(colours)
        for _ in range(draw.integers(1, 4))
    ]
    options: dict[str, Any] = {"interlace": int(draw.integers(2))}
    if draw.random() < 0.5:
        options["transparency"] = int(draw.integers(colours))
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:]}
    if draw.random() < 0.3:
        options["comment"] = b"a" * 700
    return save(frames[0], "GIF", **options), f"{len(frames)} frames, {colours} colours"


def _webp(draw: Draw, size: tuple[int, int]) -> tuple[bytes, str]:
    channels = int(draw.integers(3, 5))
    frames = [Image.fromarray(draw_pixels(draw, size, channels)) for _ in range(2)]
    options: dict[str, Any] = {"lossless": bool(draw.integers(2)), "method": 0, **_exif(draw)}
    if draw.random() < 0.3:
        options |= {"save_all": True, "append_images": frames[1:]}
    return save(frames[0], "WEBP", **options), f"{channels} {options}"[:200]


def _bmp(draw: Draw, size: tuple[int, int]) -> tuple[bytes, str]:
    mode = ("L", "P", "RGB", "RGBA")[draw.integers(4)]
    image = Image.fromarray(draw_pixels(draw, size))
    if mode != "RGBA":
        opaque = image.convert("RGB")
        image = opaque.quantize(200) if mode == "P" else opaque.convert(mode)
    return save(image, "BMP"), mode


_KINDS: dict[str, Callable[[Draw, tuple[int, int]], tuple[bytes, str]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _webp,
    "bmp": _bmp,
}
