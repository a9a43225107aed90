"""Decode PNG and JPEG files with Pillow, by the same rules as the served model's decoder.

Training and serving must see the same pixels. TensorFlow and Pillow decode every file that is
accepted here to the same pixels; files that they would decode differently are refused by both. The
rules look at bytes only, so that the serving graph can apply the same ones.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from typing import TYPE_CHECKING

from data.errors import BadDataError
from data.files import png_chunks
from data.spec import ImageSpec

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels → Pillow's name of 8-bit pixels
_PNG_COLOURS = {1: 0, 3: 2, 4: 6}  # channels → PNG's colour type; 3 is a palette
_PNG_DEPTH = 24  # offset in a PNG file of the number of bits per channel
IDAT, ANIMATION = (
    "IDAT",
    "acTL",
)  # names of PNG chunks: pixels; the mark of an animation, before them

# An EXIF orientation other than 1: a header in one byte order, and after it the tag
# 0x0112 of type SHORT or LONG with a value of 2 to 8. All bytes of the patterns are ASCII, so that
# they mean the same to Python and to RE2.
_HEADER = r"(Exif\x00\x00|eXIf)"  # in a JPEG's segment, in a PNG's chunk
ORIENTATION_PATTERNS = (
    (_HEADER + r"II\*\x00", r"\x12\x01[\x03\x04]\x00\x01\x00\x00\x00[\x02-\x08]"),
    (
        _HEADER + r"MM\x00\*",
        r"\x01\x12\x00(\x03\x00\x00\x00\x01\x00|\x04\x00\x00\x00\x01\x00\x00\x00)[\x02-\x08]",
    ),
)


def png_head(spec: ImageSpec) -> bytes:
    """Return the first 26 bytes of every PNG file of this size with 8 bits and these channels."""
    colours = _PNG_COLOURS[spec.channels]
    size = struct.pack(">IIBB", spec.width, spec.height, 8, colours)
    return png_chunks.BEGIN + size


def decode_file(content: bytes, spec: ImageSpec, name: str = "the file") -> np.ndarray:
    """Decode one PNG or JPEG file.

    Args:
        content: the file's bytes.
        spec: the required size and channels. Nothing is resized, rotated or converted.
        name: of the file, for the error message.

    Returns:
        (height, width, channels) uint8, 0-255.

    Raises:
        BadDataError: not PNG or JPEG, truncated or damaged; another size or other channels; a
            palette, CMYK, not 8 bits, animated; or an EXIF orientation other than 1.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    formats = ("PNG", "JPEG")
    try:
        pixels = _strip_png(content)
        with warnings.catch_warnings():  # about a very large image, which is refused below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(pixels), formats=formats)
        with opened as image:
            got = _describe(image, content)
            if got == _describe_expected(image.format, spec):
                if image.format == "JPEG":
                    return np.asarray(image).reshape(spec.shape)
                rows = io.BytesIO(png_chunks.repack_pixels(pixels, spec.shape))
                return np.asarray(Image.open(rows, formats=formats)).reshape(spec.shape)
    except UnidentifiedImageError:
        got = "neither PNG nor JPEG"
    # What Pillow raises for damaged files, depending on the damaged part.
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        got = str(error)
    mode = _MODES[spec.channels]
    raise BadDataError(
        f"{name} does not have the format that this model expects",
        expected=f"PNG or JPEG, {spec.width} wide, {spec.height} high, 8-bit {mode}",
        got=got,
        remedy="convert the image: Penstock does not resize or rotate images",
    )


def _strip_png(content: bytes) -> bytes:
    """Return the bytes for Pillow. Raises ValueError where a PNG file is damaged."""
    if content.startswith(png_chunks.SIGNATURE):
        return png_chunks.keep_needed_chunks(content)
    return content


def _describe(image: Image, content: bytes) -> str:
    unusual = []
    if image.format == "PNG":
        if content[_PNG_DEPTH] != 8:
            unusual.append(f"{content[_PNG_DEPTH]}-bit")
        if ANIMATION.encode() in content.partition(IDAT.encode())[0]:
            unusual.append("animated")
    if has_orientation(content):
        unusual.append("with an EXIF orientation other than 1")
    return ", ".join(
        [_format_description(image.format, image.width, image.height, image.mode), *unusual]
    )


def _describe_expected(kind: str | None, spec: ImageSpec) -> str:
    return _format_description(kind, spec.width, spec.height, _MODES[spec.channels])


def _format_description(kind: str | None, width: int, height: int, mode: str) -> str:
    return f"{kind}, {width} wide, {height} high, mode {mode}"


def has_orientation(content: bytes) -> bool:
    """Return whether a file has an EXIF orientation other than 1 (rotated or mirrored)."""
    for header, tag in ORIENTATION_PATTERNS:
        match = re.search(header.encode(), content)
        if match and re.compile(tag.encode(), re.DOTALL).search(content, match.end()):
            return True
    return False
