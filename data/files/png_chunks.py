"""Check the chunks of PNG files: one rule on bytes for all decoders.

Decoders tolerate different kinds of damage: a wrong checksum of an auxiliary chunk, a second
header, bytes after the end. `serving_export.bundle.whole_png` is the same rule in TensorFlow's
operations.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BEGIN = SIGNATURE + b"\x00\x00\x00\rIHDR"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
FRAME = 12  # bytes of a chunk besides its content: length, name, checksum
MOST_CHUNKS = 4096
_READ = 8192
LARGEST = 4 << 20  # most bytes of an auxiliary chunk; libpng refuses some of twice that

# A chunk whose name begins with a small letter is auxiliary. All bytes of the patterns are ASCII,
# so that they mean the same to Python and to RE2.
AUXILIARY = "[a-z][A-Za-z]{3}"
ORDER = f"IHDR({AUXILIARY})*(PLTE({AUXILIARY})*)?(IDAT)+({AUXILIARY})*IEND"
METHODS = r"\x00\x00[\x00\x01]"  # the last three bytes of a header
METHODS_AT = 26

# The seven passes of an interlaced image: first row, first column, row step, column step.
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
    """Return a PNG file reduced to the chunks that its pixels need, after checking all chunks.

    Raises:
        ValueError: the file is damaged; the message says how.
    """
    at, kept = len(SIGNATURE), [SIGNATURE]
    names: list[bytes] = []
    while len(content) - at >= FRAME and len(names) < MOST_CHUNKS:
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + FRAME + length
        if end > len(content):
            raise ValueError(f"the file is truncated in its chunk {_decode_name(name)}")
        body, (crc,) = content[at + 4 : end - 4], struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(body) != crc:
            raise ValueError(f"its chunk {_decode_name(name)} has a wrong checksum")
        if name not in _NEEDED and length > LARGEST:
            raise ValueError(
                f"its chunk {_decode_name(name)} has {length:,} bytes, more than {LARGEST:,}"
            )
        if name in _NEEDED:
            kept.append(content[at:end])
        names.append(name)
        at = end
    _check_structure(content, at, b"".join(names))
    return b"".join(kept)


def _check_structure(content: bytes, end: int, names: bytes) -> None:
    if not re.search(b"IEND$", names):
        raise ValueError("the file is truncated, or has too many chunks")
    if end != len(content) or not content.endswith(END):
        raise ValueError("the file has bytes after its end")
    if not re.fullmatch(ORDER.encode(), names):
        raise ValueError(f"its chunks are in an invalid order: {_decode_name(names[:80])}")
    if not content.startswith(BEGIN):
        raise ValueError("its header has an invalid length")
    if not re.match(METHODS.encode(), content[METHODS_AT:]):
        raise ValueError("its header names an unknown compression, filter or interlace method")


def repack_pixels(content: bytes, shape: tuple[int, int, int]) -> bytes:
    """Compress the pixels of a PNG again, without the bytes that may follow its last row.

    Args:
        content: as `keep_needed_chunks` returns it.
        shape: height, width and channels of 8 bits.

    Raises:
        ValueError: the pixels cannot be decompressed, or end early.
    """
    height, width, channels = shape
    sizes = [(height, width)]
    if content[METHODS_AT + 2]:
        sizes = [(-(-(height - y) // v), -(-(width - x) // u)) for y, x, v, u in _PASSES]
    needed = sum(h * (1 + w * channels) for h, w in sizes if h > 0 and w > 0)
    body = b"IDAT" + zlib.compress(_decompress(_read_pixel_data(content), needed), 0)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content[: content.index(b"IDAT", len(BEGIN) + 13) - 4] + chunk + END


def _decompress(pieces: Iterator[bytes], needed: int) -> bytes:
    """Decompress the rows as libpng does: the stream must end after them, or be damaged there."""
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
            raise ValueError(f"its pixels cannot be decompressed: {error}") from error
        return rows
    if len(rows) < needed or not unpacker.eof:
        raise ValueError("the file is truncated: its pixels end early")
    return rows


def _read_pixel_data(content: bytes) -> Iterator[bytes]:
    """Yield the compressed pixels as libpng reads them: a chunk, or 8 KB of it, at a time."""
    at = len(SIGNATURE)
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"IDAT":
            for start in range(at + 8, at + 8 + length, _READ):
                yield content[start : min(start + _READ, at + 8 + length)]
        at += FRAME + length


def _decode_name(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")
