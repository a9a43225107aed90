"""Define the geometry: how an image of any size becomes the image of one size that a model takes.

The settings alone; `data.images` applies them, in TensorFlow operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from data.base.field_meanings import show_meanings
from data.errors import BadDataError

Fit = Literal["exact", "stretch", "pad", "crop"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "area", "lanczos3"]
Orientation = Literal["apply", "ignore", "refuse"]
Format = Literal["jpeg", "png", "gif", "webp", "bmp"]
FORMAT_NAMES: dict[Format, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WebP",
    "bmp": "BMP",
}
ALL_FORMATS = tuple(FORMAT_NAMES)


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How images are fitted to the height and width of an `ImageSpec`.

    Raises:
        BadDataError: a value that is not among those that a field takes.
    """

    fit: Fit = "exact"
    """exact refuses every other size; stretch changes the aspect ratio; pad keeps it and fills the
    rest with the background; crop keeps it and cuts off what is outside the centre."""
    interpolation: Interpolation = "bilinear"
    """How pixels are computed where the size changes: nearest, bilinear, bicubic, area or
    lanczos3."""
    antialias: bool = True
    """Whether shrinking averages over all pixels (bilinear, bicubic, lanczos3)."""
    background: tuple[int, int, int] = (0, 0, 0)
    """Red, green and blue, 0 to 255, behind transparent pixels and beside a padded image."""
    orientation: Orientation = "apply"
    """What an EXIF orientation does: apply turns the image as a viewer would, ignore takes the
    pixels as they are stored, refuse ends with an error."""
    max_megapixels: float = 100.0
    """Most megapixels of a file. Its header is checked before the file is decoded."""
    formats: tuple[Format, ...] = ("jpeg", "png")
    """Formats of the files that are decoded. Each costs a model some loading time, so that a model
    of arrays takes two; a model of image files takes all."""

    def __post_init__(self) -> None:
        _check("fit", self.fit, get_args(Fit))
        _check("interpolation", self.interpolation, get_args(Interpolation))
        _check("orientation", self.orientation, get_args(Orientation))
        for name in self.formats:
            _check("format", name, ALL_FORMATS)
        if len(self.background) != 3 or not all(0 <= value <= 255 for value in self.background):
            raise BadDataError(
                "background is not a colour",
                expected="red, green and blue, each 0 to 255",
                got=self.background,
                remedy="--set 'ingest.background=[255,255,255]', for example",
            )
        if not 0 < self.max_megapixels <= 1000:
            raise BadDataError(
                "max_megapixels is out of range",
                expected="more than 0, at most 1000",
                got=self.max_megapixels,
                remedy="--set ingest.max_megapixels=100, for example",
            )


def _check(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadDataError(
            f"invalid {name}",
            expected="one of " + ", ".join(allowed),
            got=repr(value),
            remedy=f"--set ingest.{name}={allowed[0]}, for example",
        )
