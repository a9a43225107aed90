"""Which PNG files are whole, by their chunks: a rule on bytes that every decoder is held to.

Decoders differ in what damage they pass over: a wrong checksum of a chunk that tells only of the
file, a second header, bytes behind the end. `serving_export.bundle.whole_png` is the same rule in
TensorFlow's operations.
"""

from __future__ import annotations

import re
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BEGIN = SIGNATURE + b"\x00\x00\x00\rIHDR"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FRAME = 12  # bytes of a chunk around its content: length, name, checksum
MOST_CHUNKS = 4096
LARGEST = 4 << 20  # bytes of a chunk without pixels; libpng refuses some of twice that

# A chunk whose name begins small may be passed over. All bytes of the patterns are ASCII, so that
# they mean the same to Python and to RE2.
AUXILIARY = "[a-z][A-Za-z]{3}"
ORDER = f"IHDR({AUXILIARY})*(PLTE({AUXILIARY})*)?(IDAT)+({AUXILIARY})*IEND"
METHODS = r"\x00\x00[\x00\x01]"  # the last three bytes of a header
METHODS_AT = 26

# Of the seven passes of an interlaced image: the first row and column, the steps to the next.
_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


def needed_chunks(content: bytes) -> bytes:
    """A whole PNG file with nothing but what its pixels need: no other chunk can confuse a decoder.

    Raises:
        ValueError: it is not whole, in words.
    """
    at, kept = len(SIGNATURE), [SIGNATURE]
    names: list[bytes] = []
    while len(content) - at >= FRAME and len(names) < MOST_CHUNKS:
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + FRAME + length
        if end > len(content):
            raise ValueError(f"the file is truncated, in its chunk {_words(name)}")
        body, (crc,) = content[at + 4 : end - 4], struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(body) != crc:
            raise ValueError(f"the checksum of its chunk {_words(name)} is wrong")
        if name not in _NEEDED and length > LARGEST:
            raise ValueError(f"its chunk {_words(name)} has {length:,} bytes")
        if name in _NEEDED:
            kept.append(content[at:end])
        names.append(name)
        at = end
    _check(content, at, b"".join(names))
    return b"".join(kept)


def _check(content: bytes, end: int, names: bytes) -> None:
    if not re.search(b"IEND$", names):
        raise ValueError("the file is truncated, or has too many chunks")
    if end != len(content) or not content.endswith(END):
        raise ValueError("there are bytes behind its end")
    if not re.fullmatch(ORDER.encode(), names):
        raise ValueError(f"its chunks come in an order that none may have: {_words(names[:80])}")
    if not content.startswith(BEGIN):
        raise ValueError("its header has another length than a header has")
    if not re.match(METHODS.encode(), content[METHODS_AT:]):
        raise ValueError("its header names a method of compression that there is not")


def check_rows(content: bytes, shape: tuple[int, int, int]) -> None:
    """Raises ValueError where a PNG of `needed_chunks` has fewer rows than its header says.

    Args:
        shape: height, width and channels of 8 bits.
    """
    height, width, channels = shape
    interlaced = content[METHODS_AT + 2]
    sizes = [(height, width)]
    if interlaced:
        sizes = [(-(-(height - y) // v), -(-(width - x) // u)) for y, x, v, u in _PASSES]
    needed = sum(h * (1 + w * channels) for h, w in sizes if h > 0 and w > 0)
    try:
        rows = zlib.decompressobj().decompress(_pixels(content), needed)
    except zlib.error as error:
        raise ValueError(f"its pixels cannot be unpacked: {error}") from error
    if len(rows) < needed:
        raise ValueError("the file is truncated: its pixels end early")


def _pixels(content: bytes) -> bytes:
    at, found = len(SIGNATURE), []
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"IDAT":
            found.append(content[at + 8 : at + 8 + length])
        at += FRAME + length
    return b"".join(found)


def _words(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")
