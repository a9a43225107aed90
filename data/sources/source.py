"""Define the protocol of a source of labelled images, and make sources by name.

The config names a source by one of `NAMES` or, for your own, by import path `package.module:Class`.
A source is made from a `SourceConfig` and pickled to Beam's workers, so construction must be cheap:
it may read headers and labels to check them, but not all images, and it must keep no file open.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from data.code.import_path import load_object, resolve_import_path
from data.code.user_object import check_call, locate_definition
from data.errors import ConfigError, EnvironmentTrouble, summarize_error
from data.sources.file_source import FileSource
from data.sources.source_config import SourceConfig

if TYPE_CHECKING:
    import numpy as np

    from data.spec import ImageSpec


CHUNK_IMAGES = 2048  # most images per Beam element: enough to use NumPy well
_CHUNK_BYTES = 8 << 20  # and about the most bytes, so that many elements fit into memory

NAMES = {
    "cifar_binary": "data.sources.arrays.cifar_binary:CifarBinarySource",
    "digits": "data.sources.arrays.digits:DigitsSource",
    "idx": "data.sources.arrays.idx:IdxSource",
    "image_folder": "data.sources.image_files.image_folder:ImageFolderSource",
    "npz": "data.sources.arrays.npz:NpzSource",
    "parquet": "data.sources.image_files.parquet.source:ParquetSource",
    "pixels_csv": "data.sources.arrays.pixel_tables.pixels_csv:PixelsCsvSource",
    "table": "data.sources.image_files.table:TableSource",
    "tfds": "data.sources.prepared.tfds:make_tfds_source",
    "tfds_dir": "data.sources.prepared.tfds_dir:make_tfds_dir_source",
    "tfrecord": "data.sources.records.tfrecord:make_tfrecord_source",
}


@dataclass(frozen=True)
class Part:
    """A piece of a split that one worker reads from start to end."""

    split: str | None  # train, validation or test; None: the shares of ingest decide
    index: int  # number among the split's parts, in the order of the split
    start: int = 0  # first image
    stop: int | None = None  # one past the last image; None: to the end


class Chunk(NamedTuple):
    """Up to `CHUNK_IMAGES` labelled images."""

    images: np.ndarray  # (n, height, width, channels) uint8, 0-255
    labels: np.ndarray  # (n,) int64, 0 <= label < number of classes


@runtime_checkable
class Source(Protocol):
    """Labelled images, in splits of the data's own or in none: `Part.split`.

    A source that must download or prepare its data also has a method `prepare()`. It is called
    once, in the process that launches the pipeline, before all other methods.

    A source that reads data which no path in its settings names should have a method
    `stamp() -> str`, whose result changes when the data does: an ETag, a row count, a digest. It is
    called whenever a run is planned, before `prepare`, and again after reading; a different result
    then discards what was read. Without `stamp`, Penstock reports that it cannot detect changes.

    `describe() -> str` is optional too: a phrase of what was assumed and what is not used, for the
    step's summary.
    """

    def spec(self) -> ImageSpec:
        """Return the size of the images and the class names."""
        ...

    def parts(self) -> Sequence[Part]:
        """Return all parts of all splits: many for parallel work, one for a stream such as gzip."""
        ...

    def num_images(self) -> int | None:
        """Return the number of images in all splits, or None where it is not known yet."""
        ...

    def read(self, part: Part) -> Iterator[Chunk]:
        """Read the part's images in order.

        Raises:
            BadDataError: the data is invalid.
        """
        ...


def make_source(name: str, config: SourceConfig) -> Source | FileSource:
    """Make the source of a name or import path: of arrays, or of image files.

    Raises:
        ConfigError: unknown name, a setting that the source cannot use, or not a source.
        BadDataError: invalid input, as far as the constructor reads it.
        EnvironmentTrouble: the input cannot be read.
    """
    path = resolve_import_path(name, NAMES, "source")
    source_class = load_object(path)
    check_call(source_class, path, "a class whose __init__ takes a SourceConfig", 1)
    source = source_class(config)
    if not isinstance(source, Source | FileSource):
        raise _no_source_error(name, source, source_class)
    return source


def _no_source_error(name: str, source: object, source_class: object) -> ConfigError:
    protocols = {
        "data.sources.source.Source": ("spec", "parts", "num_images", "read"),
        "data.sources.file_source.FileSource": ("class_names", "list_parts", "read_files"),
    }
    missing = {p: [m for m in names if not hasattr(source, m)] for p, names in protocols.items()}
    # of the protocol that it follows more; of Source where it follows none
    nearest = max(protocols, key=lambda p: len(protocols[p]) - len(missing[p]))
    return ConfigError(
        f"{name!r} is not a source",
        expected="a class with the methods "
        + "; or, of image files, ".join(", ".join(names) for names in protocols.values()),
        got=f"a class without {', '.join(missing[nearest])} {locate_definition(source_class)}",
        follows="nothing was ingested",
        remedy=f"define these methods, as described in {nearest}",
    )


def get_stamp_function(name: str, config: SourceConfig) -> Callable[[], str] | None:
    """Return a function that reads a source's stamp; None where the source has none.

    The function raises EnvironmentTrouble for an OSError, and ConfigError where the stamp is not a
    string.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `make_source`.
    """
    kind = load_object(resolve_import_path(name, NAMES, "source"))
    if isinstance(kind, type) and not hasattr(kind, "stamp"):
        return None  # without making the source
    stamp: Callable[[], object] | None = getattr(make_source(name, config), "stamp", None)
    return None if stamp is None else functools.partial(_read_stamp, name, stamp)


def _read_stamp(name: str, stamp: Callable[[], object]) -> str:
    try:
        value = stamp()
    except OSError as error:
        raise EnvironmentTrouble(
            f"the method stamp() of the source {name!r} failed",
            expected="a string that changes when the data does",
            got=summarize_error(error),
            remedy="run the same command again when the data can be read",
        ) from error
    if not isinstance(value, str):
        raise ConfigError(
            f"the method stamp() of the source {name!r} does not return a string",
            expected="a str that changes when the data does",
            got=repr(value),
            follows="nothing ran",
            remedy="return a str from stamp()",
        )
    return value


def chunk_size(image_bytes: int) -> int:
    """Return how many images of this size to read at a time."""
    return max(1, min(CHUNK_IMAGES, _CHUNK_BYTES // image_bytes))
