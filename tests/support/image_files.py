"""Make image files of every kind in memory, for the tests of decoding."""

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
    """Make a TIFF with this one tag, of type SHORT (3) or LONG (4)."""
    head = b"II*\x00" if endian == "<" else b"MM\x00*"
    value = struct.pack(endian + ("HH" if kind == 3 else "I"), *((orientation, 0)[: 5 - kind]))
    entry = struct.pack(endian + "HHI", 0x0112, kind, 1) + value
    return b"Exif\x00\x00" + head + struct.pack(endian + "IH", 8, 1) + entry + bytes(4)


def chunks(*named: tuple[bytes, bytes]) -> bytes:
    """Make a PNG file of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in named
    )


def png(pixels: np.ndarray, *more: tuple[bytes, bytes], interlaced: bool = False) -> bytes:
    """Make a PNG with further chunks before its pixels, in Adam7's seven passes if interlaced."""
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
    """Make a grey PNG of fewer bits, which Pillow reads as if it had 8."""

    def make(pixels: np.ndarray) -> bytes:
        height, width = pixels.shape[:2]
        rows = (b"\0" + bytes((width * bits + 7) // 8)) * height
        head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
        return chunks((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))

    return make


def vast(kind: str, side: int = 8000, **options: Any) -> bytes:
    """Make a small file of a black image that takes `side` squared bytes once it is decoded."""
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
        "with an EXIF orientation other than 1",
    ),
    "mirrored by its EXIF": (lambda p: png(p, (b"eXIf", exif(2)[6:])), "EXIF orientation"),
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


def split_png(file: bytes) -> list[tuple[bytes, bytes]]:
    """Parse a whole PNG: names and contents of its chunks."""
    found, at = [], 8
    while at < len(file):
        length, name = struct.unpack_from(">I4s", file, at)
        found.append((name, file[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _edited(edit: Callable[[list[tuple[bytes, bytes]]], Any]) -> Callable[[np.ndarray], bytes]:
    """A PNG with two texts, its chunks edited, with the right checksums."""

    def make(pixels: np.ndarray) -> bytes:
        named = split_png(png(pixels, (b"gAMA", bytes(4)), (b"tEXt", b"a\0b")))
        return chunks(*(edit(named) or named))

    return make


def _header(**fields: int) -> Callable[[np.ndarray], bytes]:
    places = {"compression": 10, "filter": 11, "interlace": 12, "width": 3}

    def edit(named: list[tuple[bytes, bytes]]) -> None:
        head = bytearray(named[0][1])
        for field, value in fields.items():
            head[places[field]] = value
        named[0] = (b"IHDR", bytes(head))

    return _edited(edit)


def _rows(change: Callable[[bytes], bytes]) -> Callable[[np.ndarray], bytes]:
    """A PNG whose compressed pixels are changed, with the right checksum of the chunk."""

    def edit(named: list[tuple[bytes, bytes]]) -> None:
        named[-2] = (b"IDAT", change(named[-2][1]))

    return _edited(edit)


def _wrong_checksum(of: bytes) -> Callable[[np.ndarray], bytes]:
    def make(pixels: np.ndarray) -> bytes:
        file = bytearray(png(pixels, (b"gAMA", bytes(4)), (b"tEXt", b"a\0b"), (b"PLTE", bytes(6))))
        at = file.index(of)
        (length,) = struct.unpack_from(">I", file, at - 4)
        file[at + 4 + length] ^= 1
        return bytes(file)

    return make


def _jpeg(change: Callable[[bytes], bytes], **options: Any) -> Callable[[np.ndarray], bytes]:
    return lambda pixels: change(to_file(pixels, "JPEG", **options))


def _without(marker: int) -> Callable[[bytes], bytes]:
    """A JPEG without its segments of this marker."""

    def change(file: bytes) -> bytes:
        while (at := file.find(bytes([0xFF, marker]))) >= 0:
            (length,) = struct.unpack_from(">H", file, at + 2)
            file = file[:at] + file[at + 2 + length :]
        return file

    return change


def _second_header(pixels: np.ndarray) -> bytes:
    file = to_file(pixels, "JPEG")
    at = file.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", file, at + 2)
    return file[: at + 2 + length] + file[at:]


_SMALL = zlib.compress(bytes(16))  # one row of five RGB pixels

# What → a damaged file, made from RGB pixels 6 high and 5 wide. Nobody is to read it.
DAMAGED: dict[str, Callable[[np.ndarray], bytes]] = {
    **{
        f"png: checksum of {name.decode()}": _wrong_checksum(name)
        for name in (b"IHDR", b"gAMA", b"tEXt", b"PLTE", b"IDAT", b"IEND")
    },
    "png: second header": _edited(lambda named: named.insert(1, named[0])),
    "png: second header, another size": _edited(
        lambda named: named.insert(1, (b"IHDR", struct.pack(">IIBBBBB", 50, 60, 8, 2, 0, 0, 0)))
    ),
    "png: header again behind the pixels": _edited(lambda named: named.insert(-1, named[0])),
    "png: bytes behind the end": lambda p: png(p) + b"x",
    "png: a file behind the end": lambda p: png(p) + png(p),
    "png: end twice": _edited(lambda named: named.append(named[-1])),
    "png: no end": _edited(lambda named: named.pop() and None),
    "png: an end with content": _edited(lambda named: [*named[:-1], (b"IEND", b"x")]),
    "png: no pixels": _edited(lambda named: named.pop(-2) and None),
    "png: no header": _edited(lambda named: named.pop(0) and None),
    "png: text between the pixels": _edited(
        lambda named: [*named[:-1], (b"tEXt", b"a\0b"), (b"IDAT", b""), named[-1]]
    ),
    "png: two palettes": _edited(
        lambda named: [named[0], (b"PLTE", bytes(6)), (b"PLTE", bytes(6)), *named[1:]]
    ),
    "png: palette behind the pixels": _edited(lambda n: [*n[:-1], (b"PLTE", bytes(6)), n[-1]]),
    "png: unknown chunk that is needed": _edited(lambda n: n.insert(1, (b"QRST", b""))),
    "png: name of no letters": _edited(lambda n: n.insert(1, (b"a1b2", b""))),
    "png: too many chunks": _edited(lambda n: [n[0], *[(b"teXt", b"")] * 5000, *n[1:]]),
    "png: chunk longer than the file": lambda p: png(p, (b"gAMA", bytes(4))).replace(
        b"\0\0\0\x04gAMA", b"\0\1\0\4gAMA"
    ),
    "png: chunk of a negative length": lambda p: png(p, (b"gAMA", bytes(4))).replace(
        b"\0\0\0\x04gAMA", b"\xff\xff\xff\xf4gAMA"
    ),
    "png: other compression": _header(compression=1),
    "png: other filter": _header(filter=1),
    "png: other interlacing": _header(interlace=2),
    "png: interlaced, it says": _header(interlace=1),
    "png: pixels cut": _rows(lambda content: content[:-20]),
    "png: one row": _rows(lambda content: _SMALL),
    "png: not compressed": _rows(lambda content: bytes(len(content))),
    "png: a filter that there is not": _rows(
        lambda content: zlib.compress(b"\x07" + zlib.decompress(content)[1:])
    ),
    "png: interlaced, cut": lambda p: png(p, interlaced=True)[:-40],
    "jpeg: cut": _jpeg(lambda file: file[: len(file) * 3 // 4]),
    "jpeg: progressive, cut": _jpeg(lambda file: file[: len(file) // 2], progressive=True),
    "jpeg: no end": _jpeg(lambda file: file[:-2]),
    "jpeg: progressive, an early end": _jpeg(
        lambda f: f.replace(b"\xff\xda", b"\xff\xd9\xff\xda", 2), progressive=True
    ),
    "jpeg: no table of steps": _jpeg(_without(0xDB)),
    "jpeg: no header": _jpeg(_without(0xC0)),
    "jpeg: second header": _second_header,
    "jpeg: header alone": _jpeg(lambda file: file[: file.index(b"\xff\xda")]),
    "jpeg: a length of nothing": _jpeg(
        lambda file: file.replace(b"\xff\xdb\x00\x43", b"\xff\xdb\x00\x00", 1)
    ),
}


def _flip(file: bytearray, rng: np.random.Generator) -> None:
    for place in rng.integers(0, len(file), rng.integers(1, 5)):
        file[place] ^= int(rng.integers(1, 256))


def _erase(file: bytearray, rng: np.random.Generator) -> None:
    at, length = rng.integers(0, len(file)), int(rng.integers(1, 20))
    del file[at : at + length]


def _repeat(file: bytearray, rng: np.random.Generator) -> None:
    at, to = rng.integers(0, len(file), 2)
    file[to:to] = file[at : at + int(rng.integers(1, 60))]


def _fill(file: bytearray, rng: np.random.Generator) -> None:
    at, length = rng.integers(0, len(file)), int(rng.integers(1, 12))
    value = int(rng.choice([0, 0x7F, 0x80, 0xFF]))
    file[at : at + length] = bytes([value]) * len(file[at : at + length])


def _cut(file: bytearray, rng: np.random.Generator) -> None:
    del file[rng.integers(0, len(file)) :]


def _add(file: bytearray, rng: np.random.Generator) -> None:
    file += rng.bytes(int(rng.integers(1, 40)))


def _shuffle_chunks(file: bytearray, rng: np.random.Generator) -> None:
    if file[:4] != b"\x89PNG":
        return _repeat(file, rng)
    named = split_png(bytes(file))
    one, other = rng.integers(0, len(named), 2)
    change = int(rng.integers(3))
    if change == 0:
        named[one], named[other] = named[other], named[one]
    elif change == 1:
        named.insert(one, named[other])
    else:
        del named[one]
    file[:] = chunks(*named)
    return None


def _reseal(file: bytearray, rng: np.random.Generator) -> None:
    """Another content of a PNG's chunk, with the right checksum."""
    if file[:4] != b"\x89PNG":
        return _flip(file, rng)
    named = split_png(bytes(file))
    place = int(rng.integers(0, len(named)))
    name, content = named[place]
    changed = bytearray(content or b"x")
    [_flip, _erase, _fill, _add][rng.integers(4)](changed, rng)
    named[place] = (name, bytes(changed))
    file[:] = chunks(*named)
    return None


_MUTATIONS = (_flip, _erase, _repeat, _fill, _cut, _add, _shuffle_chunks, _reseal)


def whole_files(pixels: np.ndarray) -> list[bytes]:
    """Make PNG files of these pixels, of every accepted kind, to be damaged."""
    more = [(b"gAMA", bytes((0, 0, 0xB1, 0x8F))), (b"tEXt", b"Comment\0ours"), (b"pHYs", bytes(9))]
    files = [png(pixels), png(pixels, *more, interlaced=True), to_file(pixels, optimize=True)]
    if pixels.shape[-1] == 3:
        files.append(png(pixels, (b"PLTE", bytes(range(30))), (b"tRNS", bytes(6))))
    return files


def mutant(whole: list[bytes], rng: np.random.Generator) -> bytes:
    """Draw one of the files, damaged once or twice."""
    file = bytearray(whole[rng.integers(len(whole))])
    first = _MUTATIONS[rng.integers(len(_MUTATIONS))]
    first(file, rng)
    if file and rng.random() < 0.2:
        _MUTATIONS[rng.integers(6)](file, rng)
    return bytes(file)
