"""Image files → pixels, with Pillow, by the rules that a served model's own decoder has.

A model must be trained on the pixels that it will be served. TensorFlow and Pillow decode the files
that pass here to the same pixels; what one of them would read differently, both refuse. The rules
for that look at bytes only, so that the serving graph can apply the very same ones.
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

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names of 8-bit pixels, by channels
_PNG_COLOURS = {1: 0, 3: 2, 4: 6}  # PNG's own numbers for them; a palette is 3
_PNG_DEPTH = 24  # the byte of a PNG file that has the bits of a channel
IDAT, ANIMATION = "IDAT", "acTL"  # a PNG's chunks: of pixels; before them, that it is animated

# EXIF that asks for the image to be turned or mirrored: a header in one byte order, and somewhere
# behind it the tag 0x0112 of type SHORT or LONG with a value of 2 to 8. All bytes of the patterns
# are ASCII, so that they mean the same to Python and to RE2.
_HEADER = r"(Exif\x00\x00|eXIf)"  # in a JPEG's segment, in a PNG's chunk
ORIENTATION_PATTERNS = (
    (_HEADER + r"II\*\x00", r"\x12\x01[\x03\x04]\x00\x01\x00\x00\x00[\x02-\x08]"),
    (
        _HEADER + r"MM\x00\*",
        r"\x01\x12\x00(\x03\x00\x00\x00\x01\x00|\x04\x00\x00\x00\x01\x00\x00\x00)[\x02-\x08]",
    ),
)


def png_head(spec: ImageSpec) -> bytes:
    """The first 26 bytes of every PNG file of this size with 8 bits and these channels."""
    colours = _PNG_COLOURS[spec.channels]
    size = struct.pack(">IIBB", spec.width, spec.height, 8, colours)
    return png_chunks.BEGIN + size


def decode_file(content: bytes, spec: ImageSpec, name: str = "the file") -> np.ndarray:
    """Pixels of one PNG or JPEG file.

    Args:
        content: the file's bytes.
        spec: what the image must be. Nothing is resized, turned or converted.
        name: of the file, for the error.

    Returns:
        (height, width, channels) uint8, 0-255.

    Raises:
        BadDataError: no PNG or JPEG, cut short or damaged; another size or other channels; a
            palette, CMYK, not 8 bits, animated; or an EXIF orientation other than 1.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    formats = ("PNG", "JPEG")
    try:
        pixels = _checked(content)
        with warnings.catch_warnings():  # of a vast size, which is refused here
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(pixels), formats=formats)
        with opened as image:
            got = _described(image, content)
            if got == _wanted(image.format, spec):
                if image.format == "JPEG":
                    return np.asarray(image).reshape(spec.shape)
                rows = io.BytesIO(png_chunks.repack_pixels(pixels, spec.shape))
                return np.asarray(Image.open(rows, formats=formats)).reshape(spec.shape)
    except UnidentifiedImageError:
        got = "neither PNG nor JPEG"
    # What Pillow raises for damaged files, by the place of the damage.
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        got = str(error)
    mode = _MODES[spec.channels]
    raise BadDataError(
        f"{name} is no image for this model",
        expected=f"PNG or JPEG, {spec.width} wide, {spec.height} high, 8-bit {mode}",
        got=got,
        remedy="convert the image; nothing is resized or turned, for the model never saw its like",
    )


def _checked(content: bytes) -> bytes:
    """What Pillow is to see of a file; raises ValueError where it is not whole."""
    if content.startswith(png_chunks.SIGNATURE):
        return png_chunks.keep_needed_chunks(content)
    return content


def _described(image: Image, content: bytes) -> str:
    odd = []
    if image.format == "PNG":
        if content[_PNG_DEPTH] != 8:
            odd.append(f"{content[_PNG_DEPTH]}-bit")
        if ANIMATION.encode() in content.partition(IDAT.encode())[0]:
            odd.append("animated")
    if has_orientation(content):
        odd.append("to be turned, by its EXIF orientation")
    return ", ".join([_named(image.format, image.width, image.height, image.mode), *odd])


def _wanted(kind: str | None, spec: ImageSpec) -> str:
    return _named(kind, spec.width, spec.height, _MODES[spec.channels])


def _named(kind: str | None, width: int, height: int, mode: str) -> str:
    return f"{kind}, {width} wide, {height} high, mode {mode}"


def has_orientation(content: bytes) -> bool:
    """Whether the EXIF of a file asks for its image to be turned or mirrored."""
    for header, tag in ORIENTATION_PATTERNS:
        found = re.search(header.encode(), content)
        if found and re.compile(tag.encode(), re.DOTALL).search(content, found.end()):
            return True
    return False
