"""Image files of every kind that there is, made in memory, for the tests of decoding."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from data.spec import ImageSpec


def spec_of(image: np.ndarray) -> ImageSpec:
    height, width, channels = image.shape
    return ImageSpec(height=height, width=width, channels=channels, class_names=("a", "b"))


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def to_file(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int, endian: str = "<", kind: int = 3) -> bytes:
    """A TIFF with this one tag, of type SHORT (3) or LONG (4)."""
    head = b"II*\x00" if endian == "<" else b"MM\x00*"
    value = struct.pack(endian + ("HH" if kind == 3 else "I"), *((orientation, 0)[: 5 - kind]))
    entry = struct.pack(endian + "HHI", 0x0112, kind, 1) + value
    return b"Exif\x00\x00" + head + struct.pack(endian + "IH", 8, 1) + entry + bytes(4)


def chunks(*named: tuple[bytes, bytes]) -> bytes:
    """A PNG file of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in named
    )


def png(pixels: np.ndarray, *more: tuple[bytes, bytes], interlaced: bool = False) -> bytes:
    """A PNG with further chunks before its pixels, in Adam7's seven passes if interlaced."""
    height, width, channels = pixels.shape
    colours = {1: 0, 3: 2, 4: 6}[channels]
    passes = [pixels]
    if interlaced:
        begins = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        begins += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [pixels[y::down, x::right] for y, x, down, right in begins]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, interlaced)
    return chunks((b"IHDR", head), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def animated(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(p) for p in (pixels, 255 - pixels)]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def cmyk(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


def palette(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).quantize(16).save(buffer, "PNG")
    return buffer.getvalue()


def of_mode(mode: str, kind: str = "PNG", **options: Any) -> Callable[[np.ndarray], bytes]:
    def make(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, pixels.shape[1::-1]).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def of_bits(bits: int) -> Callable[[np.ndarray], bytes]:
    """A grey PNG of fewer bits, which Pillow reads as if it had 8."""

    def make(pixels: np.ndarray) -> bytes:
        height, width = pixels.shape[:2]
        rows = (b"\0" + bytes((width * bits + 7) // 8)) * height
        head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
        return chunks((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))

    return make


def vast(kind: str, side: int = 8000, **options: Any) -> bytes:
    """A small file of a black image that takes `side` squared bytes once it is decoded."""
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, kind, **options)
    return buffer.getvalue()


VAST: dict[str, Callable[[], bytes]] = {
    "png": lambda: vast("PNG"),
    "jpeg": lambda: vast("JPEG"),
    "progressive jpeg": lambda: vast("JPEG", progressive=True),
    "gif": lambda: vast("GIF"),
    "webp": lambda: vast("WEBP", 4000, method=0),
    "tiff": lambda: vast("TIFF", compression="tiff_deflate"),
    "turned png": lambda: vast("PNG", exif=exif(6)),
}
REFUSAL_BYTES = 8_000_000  # for the file and its header; decoded, each takes 16 MB or 64 MB


# What → (the file, made from RGB pixels 6 high and 5 wide; words of the error).
BAD: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "animated": (animated, "animated"),
    "cmyk": (cmyk, "mode CMYK"),
    "a palette": (palette, "mode P"),
    "2 bits": (of_bits(2), "2-bit"),
    "4 bits": (of_bits(4), "4-bit"),
    "16 bits": (of_mode("I;16"), "mode I;16"),
    "grey": (of_mode("L"), "mode L"),
    "alpha": (of_mode("RGBA"), "mode RGBA"),
    "grey and alpha": (of_mode("LA"), "mode LA"),
    "turned by its EXIF": (
        lambda p: to_file(p, "JPEG", exif=exif(6)),
        "to be turned, by its EXIF orientation",
    ),
    "mirrored by its EXIF": (lambda p: png(p, (b"eXIf", exif(2)[6:])), "to be turned"),
    "a gif": (of_mode("RGB", "GIF"), "neither PNG nor JPEG"),
    "a bmp": (of_mode("RGB", "BMP"), "neither PNG nor JPEG"),
    "a webp": (of_mode("RGB", "WEBP"), "neither PNG nor JPEG"),
    "a tiff": (of_mode("RGB", "TIFF"), "neither PNG nor JPEG"),
    "nothing": (lambda _: b"", "neither PNG nor JPEG"),
    "text": (lambda _: b"hello", "neither PNG nor JPEG"),
    "another width": (lambda p: to_file(p[:, 1:]), "4 wide"),
    "another height": (lambda p: to_file(p[1:], "JPEG"), "5 high"),
    "turned by a quarter": (lambda p: to_file(p.transpose(1, 0, 2)), "6 wide, 5 high"),
}
