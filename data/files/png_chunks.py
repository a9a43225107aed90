"""Which PNG files are whole, by their chunks: a rule on bytes that every decoder is held to.

Decoders differ in what damage they pass over: a wrong checksum of a chunk that tells only of the
file, a second header, bytes behind the end. `serving_export.bundle.whole_png` is the same rule in
TensorFlow's operations.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BEGIN = SIGNATURE + b"\x00\x00\x00\rIHDR"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FRAME = 12  # bytes of a chunk around its content: length, name, checksum
MOST_CHUNKS = 4096
_READ = 8192
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


def keep_needed_chunks(content: bytes) -> bytes:
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


def repack_pixels(content: bytes, shape: tuple[int, int, int]) -> bytes:
    """A PNG of `keep_needed_chunks` with the rows of its pixels and nothing behind them.

    Args:
        shape: height, width and channels of 8 bits.

    Raises:
        ValueError: they cannot be unpacked, or end early.
    """
    height, width, channels = shape
    sizes = [(height, width)]
    if content[METHODS_AT + 2]:
        sizes = [(-(-(height - y) // v), -(-(width - x) // u)) for y, x, v, u in _PASSES]
    needed = sum(h * (1 + w * channels) for h, w in sizes if h > 0 and w > 0)
    body = b"IDAT" + zlib.compress(_unpacked(_pixels(content), needed), 0)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content[: content.index(b"IDAT", len(BEGIN) + 13) - 4] + chunk + END


def _unpacked(pieces: Iterator[bytes], needed: int) -> bytes:
    """As libpng: behind the rows the stream must end, and may be damaged there."""
    unpacker, rows = zlib.decompressobj(0), b""
    try:
        for piece in pieces:
            if len(rows) < needed:
                rows += unpacker.decompress(piece, needed - len(rows))
                piece = unpacker.unconsumed_tail
            while len(rows) == needed and piece and not unpacker.eof:
                unpacker.decompress(piece, _READ)
                piece = unpacker.unconsumed_tail
    except zlib.error as error:
        if len(rows) < needed:
            raise ValueError(f"its pixels cannot be unpacked: {error}") from error
        return rows
    if len(rows) < needed or not unpacker.eof:
        raise ValueError("the file is truncated: its pixels end early")
    return rows


def _pixels(content: bytes) -> Iterator[bytes]:
    """The packed pixels as libpng reads them: a chunk, or 8 KB of it, at a time."""
    at = len(SIGNATURE)
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"IDAT":
            for start in range(at + 8, at + 8 + length, _READ):
                yield content[start : min(start + _READ, at + 8 + length)]
        at += FRAME + length


def _words(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")
