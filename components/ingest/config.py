"""Define the config of Ingest: the source, the geometry of its images, the splits and the spans."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from data.base.field_meanings import show_meanings
from data.code.import_path import resolve_import_path
from data.errors import BadDataError, ConfigError
from data.geometry import ALL_FORMATS, Fit, Geometry, Interpolation, Orientation
from data.sources import FILE_SOURCES, NAMES, SourceConfig
from data.sources.source_config import Axes
from data.sources.split_names import SPLIT_NAMES
from data.spans.patterns import check_pattern, is_pattern
from data.spans.windows import Window
from data.spec import FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH

FEATURES = (FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH)  # of Penstock's own in the examples

# what only a source of image files can use; `store` as well, unless it is auto or raw
_FOR_FILES = (
    "height",
    "width",
    "channels",
    "fit",
    "interpolation",
    "antialias",
    "background",
    "orientation",
    "max_megapixels",
    "max_bad_share",
)
_SOURCE_SETTINGS = tuple(f.name for f in fields(SourceConfig) if f.name != "beam_args")


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Ingest."""

    source: str = "digits"
    """Where the images come from: cifar_binary, digits, idx, image_folder, npz, parquet,
    pixels_csv, table, tfds, tfds_dir, tfrecord, or the import path of your own source,
    package.module:Class."""
    path: str | None = None
    """File or folder with the data, or its URL (all sources but digits and tfds). A path with
    {SPAN}, {YYYY}, {MM}, {DD} or {VERSION} is a pattern of spans; see docs/how-to/spans.md."""
    name: str | None = None
    """Name of the dataset (tfds), or of one of several datasets whose files lie in one folder (idx,
    npz, pixels_csv), such as emnist-letters. A folder with one dataset ignores it."""
    version: str | None = None
    """Version of the dataset (tfds). None: the newest."""
    data_dir: str | None = None
    """Folder in which TensorFlow Datasets keeps prepared datasets (tfds). None: its own default."""
    try_gcs: bool = False
    """Whether to copy a dataset that Google has prepared, where there is one, instead of preparing
    it (tfds)."""
    images: str | None = None
    """Folder that the paths in a table are relative to, or its URL (table). None: the folder of the
    table."""
    path_column: str | None = None
    """Column with the images' paths (table). None: the column with one of the usual names."""
    image_column: str | None = None
    """Column or feature with the encoded images or the pixels (parquet, tfds, tfds_dir, tfrecord).
    None: found by its type and the usual names."""
    label_column: str | None = None
    """Column or feature with the classes (parquet, pixels_csv, table, tfds, tfds_dir, tfrecord); of
    CIFAR-100 fine_label or coarse_label (cifar_binary); the number of a column, from 0, where there
    is no header (pixels_csv). None: the one with one of the usual names, or the first."""
    split_column: str | None = None
    """Column with the splits: train, validation or test (table). None: the column named split, if
    there is one."""
    splits: dict[str, str] = field(default_factory=dict)
    """Which splits of the data become train, validation and test, such as {train =
    "train+validation", test = "test"} (parquet, tfds, tfds_dir, tfrecord), or slices of them, such
    as train[:80%] (tfds, tfds_dir). Images of a split named train alone get a test split by
    ingest.test_share. Empty: the splits of these names."""
    group: str | None = None
    """What stays together in one split, such as a person or a camera: a column (parquet, table), or
    a regular expression on the file's path whose first group is the name (image_folder). None:
    images are split one by one."""
    features: tuple[str, ...] = ()
    """Columns that become features of the examples, for slices of the evaluation (parquet,
    table)."""
    nested_classes: bool = False
    """Whether the name of a class is the whole path below the split, such as dog/terrier
    (image_folder)."""
    shape: tuple[int, ...] | None = None
    """Shape of an image whose pixels are stored in a row: height, width and, if there are any,
    channels (pixels_csv, tfrecord of pixels). None: what the data says, else a square."""
    axes: Axes = "HWC"
    """Order in which the pixels of an image with channels are stored: HWC, height, width, channels,
    or CHW (npz, pixels_csv, tfrecord of pixels)."""
    transpose: bool | None = None
    """Whether the rows of an image are stored as columns, as in EMNIST (idx, npz, pixels_csv, tfds
    and tfds_dir of one size, tfrecord of pixels). None: no, but idx, npz, tfds and tfds_dir take it
    for true where the name of the dataset begins with emnist, and say so."""
    first_label: int = 0
    """Number of the first class in the data, such as 1 in EMNIST's letters (idx, npz, pixels_csv,
    tfds, tfds_dir, tfrecord)."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes in the order of the labels. None: the names that the source gives, else
    "0", "1", …."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings for your own source. Files that a string with a slash leads to are part of the
    fingerprint."""
    height: int | None = None
    """Height of the images that the model takes, in pixels (sources of image files). None: the
    height of the first file, which all others must have."""
    width: int | None = None
    """Width of the images that the model takes, in pixels (sources of image files). None: the width
    of the first file."""
    channels: Literal[1, 3, 4] | None = None
    """Channels of the images that the model takes: 1 grey, 3 colour, 4 colour with transparency
    (sources of image files). None: 3 if one of the first files has colour, else 1."""
    fit: Fit = "exact"
    """How a file of another size gets the height and width (sources of image files). exact refuses
    it; stretch changes the aspect ratio; pad keeps it and fills the rest with the background; crop
    keeps it and cuts off what is outside the centre."""
    interpolation: Interpolation = "bilinear"
    """How pixels are computed where the size changes: nearest, bilinear, bicubic, area or
    lanczos3 (sources of image files)."""
    antialias: bool = True
    """Whether shrinking averages over all pixels, for bilinear, bicubic and lanczos3 (sources of
    image files)."""
    background: tuple[int, int, int] = (0, 0, 0)
    """Red, green and blue, 0 to 255, behind transparent pixels and beside a padded image (sources
    of image files)."""
    orientation: Orientation = "apply"
    """What an EXIF orientation does (sources of image files): apply turns the image as a viewer
    would, ignore takes the pixels as they are stored, refuse makes the file a bad one."""
    max_megapixels: float = 100.0
    """Most megapixels of a file (sources of image files). A file with more, by its header, is a bad
    one; it is not decoded."""
    store: Literal["auto", "raw", "encoded"] = "auto"
    """What the examples hold: raw pixels of the size that the model takes, or the encoded file
    itself, which is decoded when it is used. auto: raw if the pixels take at most twice the bytes
    of the files."""
    test_share: float = 0.0
    """Share of the images without a split that becomes the test split, 0 to less than 1. Images are
    chosen by a hash of their pixels, or of their group. 0: the source gives the test split."""
    validation_share: float = 0.0
    """Share of the train split that becomes the validation split, 0 to less than 1. Images are
    chosen by a hash of their pixels, or of their group. 0: no validation split but the source's
    own."""
    max_bad_share: float | None = None
    """Largest share of files that cannot be used, 0 to less than 1 (sources of image files). They
    are left out, and quarantine.csv says why. None: the first one ends the step."""
    window: str = "latest"
    """Which spans of a pattern to take: latest, a number of newest spans, all, "since push", or the
    name of one span."""
    test: Literal["newest", "all"] = "newest"
    """Which spans of the window give their test split to the evaluation: the newest one that has a
    test split, or all."""
    done_marker: str | None = None
    """A span is complete once its folder holds a file of this name; where a span is one file, once
    FILE.done lies beside it. None: no marker is needed."""
    quiet_minutes: float | None = None
    """A span is complete once none of its files has changed for this many minutes. None: no
    waiting."""
    span: str | None = None
    """Value of the feature `span` in the examples. A pattern sets it; you need not."""

    def __post_init__(self) -> None:
        resolve_import_path(self.source, NAMES, "source")
        if is_pattern(self.path):
            check_pattern(str(self.path))
        Window.parse(self.window)
        if self.quiet_minutes is not None and not self.quiet_minutes >= 0:
            raise ConfigError(
                "ingest.quiet_minutes is out of range",
                expected="0 minutes or more",
                got=self.quiet_minutes,
                remedy="--set ingest.quiet_minutes=10, for example",
            )
        if self.done_marker is not None and Path(self.done_marker).name != self.done_marker:
            raise ConfigError(
                "ingest.done_marker is not the name of a file",
                expected="a file name without a folder, such as _SUCCESS",
                got=repr(self.done_marker),
                remedy="--set ingest.done_marker=_SUCCESS, for example",
            )
        names = self.class_names
        if names is not None and (len(names) < 2 or len(set(names)) < len(names) or not all(names)):
            raise ConfigError(
                "ingest.class_names does not name the classes",
                expected="two or more names, none empty, no name twice",
                got=", ".join(map(repr, names)) or "none",
                remedy="name every class once, in the order of the labels",
            )
        taken = [name for name in self.features if name in FEATURES or not name]
        if taken or len(set(self.features)) < len(self.features):
            raise ConfigError(
                "ingest.features does not name further features of the examples",
                expected=f"columns, each once, but not {', '.join(FEATURES)}",
                got=", ".join(map(repr, self.features)),
                remedy="rename the column in the table",
            )
        self._check_splits()
        self._check_shares()
        self._check_image_size()
        self.geometry()

    def _check_splits(self) -> None:
        unknown = sorted(set(self.splits) - set(SPLIT_NAMES))
        if unknown or not all(self.splits.values()):
            raise ConfigError(
                "ingest.splits does not name splits",
                expected=f"some of {', '.join(SPLIT_NAMES)}, each with a split of the data",
                got=", ".join(f"{name} = {value!r}" for name, value in self.splits.items()),
                remedy='--set ingest.splits=\'{train = "train", test = "valid"}\', for example',
            )

    def _check_shares(self) -> None:
        for name in ("test_share", "validation_share", "max_bad_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ConfigError(
                    f"ingest.{name} is out of range",
                    expected="0 or more and less than 1",
                    got=value,
                    remedy=f"--set ingest.{name}=0.1 for a tenth, for example",
                )

    def _check_image_size(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 16384:
                raise ConfigError(
                    f"ingest.{name} is out of range",
                    expected="1 to 16384 pixels",
                    got=value,
                    remedy=f"--set ingest.{name}=96, for example",
                )

    def geometry(self) -> Geometry:
        """Return the geometry of the images. Raises ConfigError where a value is out of range."""
        try:
            names = (f.name for f in fields(Geometry) if f.name != "formats")
            settings = {name: getattr(self, name) for name in names}
            return Geometry(**settings, formats=ALL_FORMATS)
        except BadDataError as error:
            raise ConfigError(
                f"ingest: {error.what}",
                expected=error.expected,
                got=error.got,
                remedy=error.remedy,
            ) from error

    def source_config(self, beam_args: tuple[str, ...]) -> SourceConfig:
        settings = {name: getattr(self, name) for name in _SOURCE_SETTINGS}
        return SourceConfig(**settings, beam_args=beam_args)

    def check_for_files(self) -> None:
        """Raise ConfigError if settings for a source of image files contradict one another."""
        missing = [name for name in ("height", "width") if getattr(self, name) is None]
        if len(missing) == 1 or (missing and self.fit != "exact"):
            raise ConfigError(
                f"ingest.{' and ingest.'.join(missing)} must be set as well",
                expected="a height and a width"
                + ("" if self.fit == "exact" else f" that ingest.fit={self.fit} can lead to"),
                got="no value",
                follows="nothing was ingested",
                remedy=" ".join(f"--set ingest.{name}=96" for name in missing) + ", for example",
            )
        unused = {"interpolation", "antialias"} & self._changed()
        if self.fit == "exact" and unused:
            raise ConfigError(
                f"ingest.{min(unused)} has no effect where ingest.fit is exact: no size changes",
                follows="nothing was ingested",
                remedy="--set ingest.fit=pad, for example, or remove the setting",
            )

    def check_for_arrays(self) -> None:
        """Raise ConfigError if a setting needs a source of image files."""
        changed = self._changed()
        unusable = [name for name in _FOR_FILES if name in changed]
        if self.store == "encoded":
            unusable.append("store")
        if unusable:
            raise ConfigError(
                f"the source {self.source!r} cannot use ingest.{unusable[0]}: its images are "
                "arrays of one size, not files",
                expected=f"a source of image files: {', '.join(FILE_SOURCES)}, or one of your own",
                got=f"ingest.{unusable[0]} = {getattr(self, unusable[0])!r}",
                follows="nothing was ingested",
                remedy="remove the setting, or choose another ingest.source",
            )

    def _changed(self) -> set[str]:
        """List the settings that do not have their default."""
        return {
            f.name
            for f in fields(self)
            if f.name in _FOR_FILES and getattr(self, f.name) != f.default
        }
