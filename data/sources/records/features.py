"""Find the features of a tf.Example that hold the image, its size and its label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.base.visible_text import escape_line
from data.errors import ConfigError, suggest_names
from data.sources.records.example_message import get_kind
from data.sources.source_config import SourceConfig

_IMAGES = (
    *("image/encoded", "image_raw", "image", "image/data", "image/raw", "image_bytes"),
    *("image_data", "encoded", "jpeg", "jpg", "png", "img", "pixels", "x"),
)
_LABELS = (
    *("label", "image/class/label", "image/label", "class", "class_id", "target", "y"),
    *("labels", "image/class/index"),
)
_NAMES = ("image/class/text", "class_name", "label_name", "class_text", "label_text")
_SIZES = {
    "height": ("height", "image/height", "image_height", "rows", "h"),
    "width": ("width", "image/width", "image_width", "cols", "columns", "w"),
    "channels": ("depth", "channels", "image/channels", "image/depth", "image_channels", "c"),
}
# JPEG, PNG, GIF, and TIFF, which is then refused by name
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_SHOWN = 20


@dataclass(frozen=True)
class Columns:
    """The features that are read."""

    image: str
    label: str
    sizes: tuple[str, ...] = ()  # of height, width and, where there is one, channels

    def describe(self) -> str:
        """Return which features are read."""
        image, label = escape_line(self.image), escape_line(self.label)
        return f"images from {image!r}, labels from {label!r}"

    def read_label(self, features: Mapping[str, Any]) -> int | str:
        """Return a record's label: a number, or a name.

        Raises:
            ValueError: it has none, or more than one, or a float.
        """
        feature = features.get(self.label)
        kind = None if feature is None else get_kind(feature)
        if kind not in ("int64_list", "bytes_list"):
            raise ValueError(_describe(self.label, feature))
        values = getattr(feature, kind).value
        if len(values) != 1:
            raise ValueError(_describe(self.label, feature))
        value = values[0]
        return value if isinstance(value, int) else value.decode("utf-8", "surrogateescape")

    def read_content(self, features: Mapping[str, Any]) -> bytes:
        """Return the one value of bytes of a record's image.

        Raises:
            ValueError: it has none, or more than one, or numbers.
        """
        feature = features.get(self.image)
        values: Sequence[Any] = () if feature is None else feature.bytes_list.value
        if len(values) != 1:
            raise ValueError(_describe(self.image, feature))
        content: bytes = values[0]
        return content

    def read_sizes(self, features: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the height, width and, where there is one, channels that a record states.

        Raises:
            ValueError: one of them is missing.
        """
        sizes = []
        for name in self.sizes:
            feature = features.get(name)
            values: Sequence[Any] = () if feature is None else feature.int64_list.value
            if len(values) != 1:
                raise ValueError(_describe(name, feature))
            sizes.append(values[0])
        return tuple(sizes)


def choose_columns(features: Mapping[str, Any], config: SourceConfig, where: str) -> Columns:
    """Choose the features by the settings, by their usual names, or by an image's first bytes.

    Where there are a number and a name of the class, the name is read.

    Args:
        features: of the first record.
        config: of the source.
        where: the record, for messages.

    Raises:
        ConfigError: a setting names a feature that is not there, or no or more than one feature
            could be it.
    """
    image = _require("image", config.image_column, features, where)
    label = _require("label", config.label_column, features, where)
    if image is None:
        usual = _find(_IMAGES, features) or [
            name for name, feature in features.items() if _is_image_file(feature)
        ]
        image = _choose_one("image", usual, features, where)
    if label is None:
        others = [name for name in features if name != image]
        names = [name for name in _find(_NAMES, others) if get_kind(features[name]) == "bytes_list"]
        label = _choose_one("label", names or _find(_LABELS, others), features, where)
    sizes = [(_find_sizes(usual, features, image, label)) for usual in _SIZES.values()]
    if None in sizes[:2]:
        sizes = []
    return Columns(image, label, tuple(name for name in sizes if name is not None))


def describe_features(features: Mapping[str, Any]) -> str:
    """Describe the features of a record, with the kind and number of their values."""
    shown = [_describe(name, features[name]) for name in sorted(features)[:_SHOWN]]
    more = f" and {len(features) - _SHOWN} more" if len(features) > _SHOWN else ""
    return (", ".join(shown) or "no features") + more


def _describe(name: str, feature: Any) -> str:
    kind = None if feature is None else get_kind(feature)
    shown = escape_line(name)[:60]
    if kind is None:
        return f"{shown}: {'no such feature' if feature is None else 'no value'}"
    values = getattr(feature, kind).value
    size = f" of {len(values[0]):,} bytes" if kind == "bytes_list" and len(values) == 1 else ""
    plural = "" if len(values) == 1 else "s"
    return f"{shown}: {len(values):,} {kind.removesuffix('_list')} value{plural}{size}"


def _require(role: str, given: str | None, features: Mapping[str, Any], where: str) -> str | None:
    if given is None or given in features:
        return given
    raise ConfigError(
        f"{where} has no feature {given!r}",
        expected=describe_features(features),
        got=f"ingest.{role}_column = {given!r}",
        follows="nothing was ingested",
        remedy=suggest_names(given, sorted(features)[:1000]),
    )


def _find(usual: Sequence[str], names: Collection[str]) -> list[str]:
    return [name for name in sorted(names) if name.lower() in usual]


def _find_sizes(usual: Sequence[str], features: Mapping[str, Any], *taken: str) -> str | None:
    """Return the feature of a size; None where there is none, or more than one."""
    names = [
        name
        for name in _find(usual, features)
        if name not in taken and len(features[name].int64_list.value) == 1
    ]
    return names[0] if len(names) == 1 else None


def _is_image_file(feature: Any) -> bool:
    values = feature.bytes_list.value
    return len(values) == 1 and is_image_file(values[0])


def is_image_file(content: bytes) -> bool:
    """Return whether bytes are an encoded image, by its first bytes."""
    if content.startswith(b"BM"):  # pixels may begin so by chance: the length stands behind it
        return int.from_bytes(content[2:6], "little") == len(content)
    return content.startswith(_MAGIC) or (content[:4], content[8:12]) == (b"RIFF", b"WEBP")


def _choose_one(role: str, names: Sequence[str], features: Mapping[str, Any], where: str) -> str:
    if len(names) == 1:
        return names[0]
    raise ConfigError(
        f"{where} has {'more than one feature' if names else 'no feature'} "
        f"that could be the {role}",
        expected=f"one feature with a usual name of {'an image' if role == 'image' else 'a label'}"
        ", or a setting",
        got=", ".join(map(escape_line, names)) if names else describe_features(features),
        follows="nothing was ingested",
        remedy=f"--set ingest.{role}_column={names[0] if names else 'NAME'}",
    )
