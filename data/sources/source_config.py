"""Define the settings of a source, and which of them each named source takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from data.errors import ConfigError

Axes = Literal["HWC", "CHW"]


class _Settings(NamedTuple):
    reads: Literal["arrays", "files", "either"]  # either: the data decides
    required: tuple[str, ...]
    optional: tuple[str, ...]


# Kept here, apart from the sources' modules, so that `ingest.…` is checked before anything runs.
_SETTINGS = {
    "cifar_binary": _Settings("arrays", ("path",), ("class_names", "label_column")),
    "digits": _Settings("arrays", (), ("class_names",)),
    "idx": _Settings("arrays", ("path",), ("name", "class_names", "transpose", "first_label")),
    "image_folder": _Settings("files", ("path",), ("class_names", "group", "nested_classes")),
    "npz": _Settings(
        "arrays", ("path",), ("name", "class_names", "axes", "transpose", "first_label")
    ),
    "parquet": _Settings(
        "files",
        ("path",),
        ("class_names", "image_column", "label_column", "splits", "group", "features"),
    ),
    "pixels_csv": _Settings(
        "arrays",
        ("path",),
        ("name", "class_names", "label_column", "shape", "axes", "transpose", "first_label"),
    ),
    "table": _Settings(
        "files",
        ("path",),
        (
            "class_names",
            "images",
            "path_column",
            "label_column",
            "split_column",
            "group",
            "features",
        ),
    ),
    "tfds": _Settings(
        "either",
        ("name",),
        (
            "version",
            "data_dir",
            "class_names",
            "image_column",
            "label_column",
            "splits",
            "transpose",
            "first_label",
            "try_gcs",
        ),
    ),
    "tfds_dir": _Settings(
        "either",
        ("path",),
        ("class_names", "image_column", "label_column", "splits", "transpose", "first_label"),
    ),
    "tfrecord": _Settings(
        "either",
        ("path",),
        (
            "class_names",
            "image_column",
            "label_column",
            "splits",
            "shape",
            "axes",
            "transpose",
            "first_label",
        ),
    ),
}


def list_settings(source: str) -> tuple[str, ...]:
    """List the settings that a named source takes; none of your own source."""
    settings = _SETTINGS.get(source)
    return () if settings is None else (*settings.required, *settings.optional)


FILE_SOURCES = tuple(name for name, settings in _SETTINGS.items() if settings.reads == "files")
ARRAY_SOURCES = tuple(name for name, settings in _SETTINGS.items() if settings.reads == "arrays")


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """The settings of a source."""

    path: str | None = None  # file or folder, or its URL
    name: str | None = None  # name of the dataset: of tfds, or among several in one folder
    version: str | None = None  # version of the dataset (tfds); None: the newest
    data_dir: str | None = None  # folder of prepared datasets (tfds)
    try_gcs: bool = False  # whether to copy a dataset that Google has prepared (tfds)
    class_names: tuple[str, ...] | None = None  # None: the source's own names, or "0", "1", …
    images: str | None = None  # folder that a table's paths are relative to; None: the table's own
    path_column: str | None = None  # of a table; None: found by its usual names
    image_column: str | None = None  # column or feature of the images; None: found by looking
    label_column: str | None = None
    split_column: str | None = None
    # train, validation or test → the names of the data's own splits, joined by +
    splits: Mapping[str, str] = field(default_factory=dict)
    # Column of a table, or a regular expression on the file's path whose first group is the group.
    group: str | None = None
    features: tuple[str, ...] = ()  # columns of a table that become features of the examples
    nested_classes: bool = False  # whether a class's name is the whole path below the split
    shape: tuple[int, ...] | None = None  # of an image, height and width first; None: by looking
    axes: Axes = "HWC"  # order of the axes of an image, where it has channels
    # whether rows and columns are exchanged in the data; None: no, unless the source knows better
    transpose: bool | None = None
    first_label: int = 0  # number of the first class in the data
    options: dict[str, Any] = field(default_factory=dict)  # for your own source
    # Beam's flags: Beam's file systems read hosts and keys from them
    beam_args: tuple[str, ...] = field(default=(), repr=False)

    def check(self, source: str) -> None:
        """Check that the required settings of a named source are set, and no others.

        `name`, `version`, `data_dir` and `try_gcs` select a dataset of a collection. A source of
        files ignores them, so that a recipe's dataset can be read from a copy of its files. Your
        own source checks its settings itself.

        Raises:
            ConfigError: a required setting is missing, or one is set that the source does not use.
        """
        if source not in _SETTINGS:
            return
        _, required, optional = _SETTINGS[source]
        given = {f.name for f in fields(self) if _is_set(getattr(self, f.name), f.default)}
        given -= {"name", "version", "data_dir", "try_gcs", "beam_args"} - {*required, *optional}
        for name in sorted(set(required) - given):
            raise ConfigError(
                f"the source {source!r} needs ingest.{name}",
                got="no value",
                follows="nothing was ingested",
                remedy=f"set it, for example by --set ingest.{name}=…",
            )
        for name in sorted(given - {*required, *optional}):
            usable = ", ".join(f"ingest.{n}" for n in (*required, *optional)) or "no settings"
            raise ConfigError(
                f"the source {source!r} cannot use ingest.{name}",
                expected=usable,
                got=f"ingest.{name} = {getattr(self, name)!r}",
                follows="nothing was ingested",
                remedy="remove the setting, or choose another ingest.source",
            )


def _is_set(value: object, default: object) -> bool:
    return bool(value) and value != default
