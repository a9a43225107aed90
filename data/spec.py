"""Define an example: one uint8 image and one class label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.errors import BadDataError
from data.geometry import Geometry

IMAGE = "image"  # feature: the pixels, raw bytes in row-major order, height x width x channels
LABEL = "label"  # feature: int64, 0 <= label < number of classes
FORMAT = "format"  # feature: string, jpeg, png, …; where it is, `image` is the file's own bytes
HEIGHT = "height"  # feature: int64, of the file as stored; where `format` is
WIDTH = "width"
SPAN = "span"  # feature: bytes, the name of the image's span; absent where the data has no spans


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The image size, its geometry and the class names of a dataset; pixels are uint8, 0-255.

    Raises:
        BadDataError: a dimension outside 1-16384, channels other than 1, 3 or 4, or class names
            that are fewer than two, empty or repeated.
    """

    height: int
    width: int
    channels: int
    class_names: tuple[str, ...]
    geometry: Geometry = field(default_factory=Geometry)  # how a file becomes this size

    def __post_init__(self) -> None:
        if not (
            1 <= self.height <= 16384 and 1 <= self.width <= 16384 and self.channels in (1, 3, 4)
        ):
            raise BadDataError(
                "invalid image shape",
                expected="height and width of 1 to 16384 pixels, 1, 3 or 4 channels",
                got=f"{self.height} x {self.width} x {self.channels}",
                follows="these images cannot be used",
                remedy="check the header of the source files, or the settings of the source",
            )
        names = self.class_names
        if len(names) < 2 or len(set(names)) != len(names) or not all(names):
            raise BadDataError(
                "invalid class names",
                expected="two or more names, all different, none empty",
                got=", ".join(map(repr, names[:12])) or "none",
                follows="these images cannot be used",
                remedy="set ingest.class_names",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_bytes(self) -> int:
        """Size of one image in bytes."""
        return self.height * self.width * self.channels

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ImageSpec:
        """Read a spec from what `dataclasses.asdict` and JSON made of it.

        Raises:
            KeyError, TypeError, BadDataError: the content is no spec.
        """
        geometry = dict(content["geometry"])
        for name in ("background", "formats"):
            geometry[name] = tuple(geometry[name])
        return cls(
            **{
                **content,
                "class_names": tuple(content["class_names"]),
                "geometry": Geometry(**geometry),
            }
        )
