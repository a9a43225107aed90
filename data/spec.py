"""What an example is: one uint8 image and one class label."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import BadDataError

IMAGE = "image"  # feature: the pixels, raw bytes in row-major order, height x width x channels
LABEL = "label"  # feature: int64, 0 <= label < number of classes
SPAN = "span"  # feature: bytes, the name of the span that the image came with; or none


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The one size and the classes of a dataset; pixels are uint8, 0-255.

    Raises:
        BadDataError: a dimension outside 1-16384, channels other than 1, 3 or 4, or class names
            that are fewer than two, empty or repeated.
    """

    height: int
    width: int
    channels: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not (
            1 <= self.height <= 16384 and 1 <= self.width <= 16384 and self.channels in (1, 3, 4)
        ):
            raise BadDataError(
                "the images have an impossible shape",
                expected="height and width of 1 to 16384 pixels, 1, 3 or 4 channels",
                got=f"{self.height} x {self.width} x {self.channels}",
                remedy="check the source's header or its settings",
            )
        names = self.class_names
        if len(names) < 2 or len(set(names)) != len(names) or not all(names):
            raise BadDataError(
                "the class names do not tell the classes apart",
                expected="two or more names, none empty, none twice",
                got=", ".join(map(repr, names[:12])) or "none",
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
        """Bytes of one image."""
        return self.height * self.width * self.channels
