"""Read what the header of an image file says: format, mode, size, orientation. Nothing is decoded.

For people to read: what ingest accepts is decided by `data.images` alone.
"""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

_MODES = {"L": "grey", "1": "black and white", "LA": "grey with alpha", "P": "palette"}


class Header(NamedTuple):
    """The header of an image file; the size as a viewer shows it, turned by the orientation."""

    format: str  # such as "PNG palette"
    height: int
    width: int
    orientation: int  # of EXIF, 1 to 8
    grey: bool
    transparent: bool
    animated: bool


def read_header(content: bytes) -> Header | str:
    """Return the header of a file, or in one sentence why it has none that can be read."""
    from PIL import ExifTags, Image  # not for --help

    if not content:
        return "the file is empty"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images and odd EXIF blocks
            with Image.open(io.BytesIO(content)) as image:
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
                frames = getattr(image, "n_frames", 1)
                mode, width, height, kind = image.mode, image.width, image.height, image.format
                transparent = image.has_transparency_data
    except Image.DecompressionBombError as error:
        return str(error)
    except Exception:  # whatever Pillow's plugins raise for damaged headers
        return "no image format that Pillow knows"
    if orientation not in range(1, 9):
        orientation = 1
    if orientation > 4:
        height, width = width, height
    return Header(
        f"{kind} {_name_mode(mode)}" + (", animated" if frames > 1 else ""),
        height,
        width,
        orientation,
        mode in ("1", "L") or mode.startswith("I"),
        transparent,
        frames > 1,
    )


def _name_mode(mode: str) -> str:
    return "16-bit grey" if mode.startswith("I") else _MODES.get(mode, mode)
