"""Read an image file's header without decoding it and without TensorFlow: kind, size, mode.

For `penstock data` and `penstock new --images`, which look at a folder before anything is decoded.
`data.images.decode` checks headers by the same rules, in TensorFlow operations.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from data.errors import BadDataError, unreadable_file_error

Kind = Literal["jpeg", "png", "gif", "webp", "bmp"]

_MOST_PIECES = 100_000  # of segments, chunks or blocks that a header is searched in
_MOST_EXIF = 1 << 20  # bytes
_ORIENTATION = 0x0112


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an image file says of itself."""

    kind: Kind
    height: int  # as stored, before the orientation
    width: int
    mode: str  # as Pillow names it: L, LA, P, RGB, RGBA, CMYK
    bits: int  # of one sample: 1, 2, 4, 8, 16
    orientation: int = 1  # of EXIF, 1 to 8; 1 where there is none
    animated: bool = False


def read_header(file: bytes | Path) -> Header:
    """Read the header of an image file: of its content, or of its path.

    Raises:
        BadDataError: no image of a kind that Penstock reads, or truncated in its header.
        EnvironmentTrouble: the file cannot be opened or read.
    """
    if isinstance(file, bytes):
        return _read(io.BytesIO(file), "the file")
    try:
        with file.open("rb") as stream:
            return _read(stream, str(file))
    except OSError as error:
        raise unreadable_file_error(file, error) from error


def _read(stream: BinaryIO, name: str) -> Header:
    begin = stream.read(12)
    problem, header = "it is empty" if not begin else f"it begins with {begin!r}", None
    for magic, read in _READERS:
        if begin.startswith(magic) and (read is not _read_webp or begin[8:] == b"WEBP"):
            stream.seek(len(magic))
            try:
                header = read(stream)
                if header is not None and header.height > 0 and header.width > 0:
                    return header
                problem = "its header is damaged"
            except struct.error:
                problem = "it is truncated in its header"
    raise BadDataError(
        f"{name} is not an image that can be read",
        expected="JPEG, PNG, GIF, WebP or BMP",
        got=problem,
        remedy="convert it, or remove it from the folder",
    )


def _unpack(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _read_jpeg(stream: BinaryIO) -> Header | None:
    exif, size = b"", None
    for _ in range(_MOST_PIECES):
        mark, marker = _unpack(stream, ">BB")
        while marker == 0xFF:  # fill bytes
            (marker,) = _unpack(stream, ">B")
        if mark != 0xFF or marker in (0xD9, 0xDA):  # the end, or the pixels
            break
        if 0xD0 <= marker <= 0xD8 or marker == 0x01:  # without a length
            continue
        (length,) = _unpack(stream, ">H")
        after = stream.tell() + length - 2
        if marker == 0xE1 and not exif and stream.read(6) == b"Exif\0\0":
            exif = stream.read(length - 8)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and size is None:
            size = _unpack(stream, ">BHHB")
        stream.seek(after)
    if size is None:
        return None
    bits, height, width, components = size
    return Header(
        kind="jpeg",
        height=height,
        width=width,
        mode={1: "L", 3: "RGB", 4: "CMYK"}.get(components, f"{components} components"),
        bits=bits,
        orientation=_read_orientation(exif),
    )


def _read_png(stream: BinaryIO) -> Header | None:
    length, name, width, height, bits, colours = _unpack(stream, ">I4sIIBB")
    mode = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}.get(colours)
    if (length, name) != (13, b"IHDR") or mode is None:
        return None
    exif, animated = b"", False
    stream.seek(33)
    for _ in range(_MOST_PIECES):
        frame = stream.read(8)
        if len(frame) < 8:
            break
        length, name = struct.unpack(">I4s", frame)
        after = stream.tell() + length + 4
        if name == b"eXIf" and not exif:
            exif = stream.read(min(length, _MOST_EXIF))
        animated = animated or name == b"acTL"
        if name == b"IEND":
            break
        stream.seek(after)
    return Header(
        kind="png",
        height=height,
        width=width,
        mode=mode,
        bits=bits,
        orientation=_read_orientation(exif),
        animated=animated,
    )


def _read_gif(stream: BinaryIO) -> Header | None:
    width, height, flags, _, _ = _unpack(stream, "<HHBBB")
    _skip_colours(stream, flags)
    frames = 0
    for _ in range(_MOST_PIECES):
        kind = stream.read(1)
        if kind == b"\x2c":
            frames += 1
            if frames == 2:
                break
            *_, local = _unpack(stream, "<HHHHB")
            _skip_colours(stream, local)
            stream.seek(1, io.SEEK_CUR)
        elif kind == b"\x21":
            stream.seek(1, io.SEEK_CUR)
        else:
            break
        for _ in range(_MOST_PIECES):
            size = stream.read(1)
            if size in (b"", b"\0"):
                break
            stream.seek(size[0], io.SEEK_CUR)
    if not frames:
        return None
    return Header(kind="gif", height=height, width=width, mode="P", bits=8, animated=frames > 1)


def _skip_colours(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        stream.seek(3 * 2 ** ((flags & 7) + 1), io.SEEK_CUR)


def _read_webp(stream: BinaryIO) -> Header | None:
    stream.seek(12)
    name, _ = _unpack(stream, "<4sI")
    if name == b"VP8 ":
        stream.seek(6, io.SEEK_CUR)
        width, height = _unpack(stream, "<HH")
        return Header(kind="webp", height=height & 0x3FFF, width=width & 0x3FFF, mode="RGB", bits=8)
    if name == b"VP8L":
        _, size = _unpack(stream, "<BI")
        height, width = (size >> 14 & 0x3FFF) + 1, (size & 0x3FFF) + 1
        mode = "RGBA" if size >> 28 & 1 else "RGB"
        return Header(kind="webp", height=height, width=width, mode=mode, bits=8)
    if name != b"VP8X":
        return None
    flags, wide, wider, high, higher = _unpack(stream, "<B3xHBHB")
    exif = b""
    for _ in range(_MOST_PIECES):
        frame = stream.read(8)
        if len(frame) < 8:
            break
        name, length = struct.unpack("<4sI", frame)
        after = stream.tell() + length + length % 2
        if name == b"EXIF" and not exif:
            exif = stream.read(min(length, _MOST_EXIF))
        stream.seek(after)
    return Header(
        kind="webp",
        height=(higher << 16 | high) + 1,
        width=(wider << 16 | wide) + 1,
        mode="RGBA" if flags & 0x10 else "RGB",
        bits=8,
        orientation=_read_orientation(exif),
        animated=bool(flags & 2),
    )


def _read_bmp(stream: BinaryIO) -> Header | None:
    stream.seek(14)
    size, width, height, _, bits, compression = _unpack(stream, "<IiiHHI")
    if size < 40:
        return None
    mode = {24: "RGB", 32: "RGBA" if compression == 3 else "RGB", 16: "RGB"}.get(bits, "P")
    depth = bits if bits < 8 else 8
    return Header(kind="bmp", height=abs(height), width=width, mode=mode, bits=depth)


def _read_orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of a TIFF structure, 1 to 8; 1: none."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    orientation = 1
    if order is None:
        return orientation
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, at)
        for place in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", exif, place)
            form = {3: "H", 4: "I"}.get(kind)
            if tag == _ORIENTATION and count == 1 and form and place + 12 <= len(exif):
                (orientation,) = struct.unpack_from(order + form, exif, place + 8)
    except struct.error:
        pass  # the directory ends early: what was read counts
    return orientation if 1 <= orientation <= 8 else 1


# Magic bytes at the beginning → the function that reads on behind them.
_READERS: tuple[tuple[bytes, Callable[[BinaryIO], Header | None]], ...] = (
    (b"\xff\xd8", _read_jpeg),
    (b"\x89PNG\r\n\x1a\n", _read_png),
    (b"GIF87a", _read_gif),
    (b"GIF89a", _read_gif),
    (b"RIFF", _read_webp),
    (b"BM", _read_bmp),
)
