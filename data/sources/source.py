"""Where images come from: one source per file, each a class that satisfies `Source`.

A source is named in the config by one of `NAMES` or, one's own, by import path
`package.module:Class`. It is made from a `SourceConfig` and pickled to Beam's workers, so
construction is cheap: it may read headers and labels to check them, never all the images,
and it keeps no open file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from data.code.import_path import load_object, resolve_import_path
from data.code.user_object import check_call, locate_definition
from data.errors import ConfigError, EnvironmentTrouble, summarize_error

if TYPE_CHECKING:
    import numpy as np

    from data.spec import ImageSpec


CHUNK_IMAGES = 2048  # most images of a Beam element: large enough for NumPy
_CHUNK_BYTES = 8 << 20  # … and about the most bytes, so that memory holds many of them

NAMES = {
    "digits": "data.sources.digits:DigitsSource",
    "idx": "data.sources.idx:IdxSource",
    "npz": "data.sources.npz:NpzSource",
    "tfds": "data.sources.tfds:TfdsSource",
    "tfds_dir": "data.sources.tfds_dir:TfdsDirSource",
}
SPLITS = ("train", "test")  # what a source gives; validation is carved out of train


class _Settings(NamedTuple):
    needs: tuple[str, ...]
    takes: tuple[str, ...]  # besides


# Known without importing the sources, so that `ingest.…` is checked before anything runs.
_SETTINGS = {
    "digits": _Settings(needs=(), takes=("class_names",)),
    "idx": _Settings(needs=("path",), takes=("class_names",)),
    "npz": _Settings(needs=("path",), takes=("class_names",)),
    "tfds": _Settings(needs=("name",), takes=("version", "data_dir", "class_names")),
    "tfds_dir": _Settings(needs=("path",), takes=("class_names",)),
}


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """What a source may be told."""

    path: str | None = None  # file or folder, or its URL
    name: str | None = None  # dataset's name (tfds)
    version: str | None = None  # dataset's version (tfds); None: the newest
    data_dir: str | None = None  # where prepared datasets lie (tfds)
    class_names: tuple[str, ...] | None = None  # None: the source's own, else "0", "1", …
    options: dict[str, Any] = field(default_factory=dict)  # for one's own source
    # Beam's flags: its file systems take hosts and keys from them
    beam_args: tuple[str, ...] = field(default=(), repr=False)

    def check(self, source: str) -> None:
        """Hold the settings against what a source by name needs and takes.

        Name, version and data_dir say which dataset of a collection is meant: a source of files
        passes them over, so that a recipe's dataset can be read from a copy of its files. A source
        of one's own looks at its settings itself.

        Raises:
            ConfigError: one that it needs is missing, or one is set that it does not take.
        """
        if source not in _SETTINGS:
            return
        needs, takes = _SETTINGS[source]
        given = {f.name for f in fields(self) if getattr(self, f.name)}
        given -= {"name", "version", "data_dir", "beam_args"} - {*needs, *takes}
        for name in sorted(set(needs) - given):
            raise ConfigError(
                f"the source {source!r} needs ingest.{name}",
                got="nothing",
                follows="nothing was ingested",
                remedy=f"--set ingest.{name}=…",
            )
        for name in sorted(given - {*needs, *takes}):
            known = ", ".join(f"ingest.{n}" for n in (*needs, *takes)) or "no setting"
            raise ConfigError(
                f"the source {source!r} cannot use ingest.{name}",
                expected=known,
                got=f"ingest.{name} = {getattr(self, name)!r}",
                follows="nothing was ingested",
                remedy="leave it out, or choose another ingest.source",
            )


@dataclass(frozen=True)
class Part:
    """A piece of a split that one worker reads from start to end."""

    split: str  # "train" or "test"
    index: int  # place among the split's parts: parts in order are the split in order
    start: int = 0  # first image
    stop: int | None = None  # one past the last image; None: to the end


class Chunk(NamedTuple):
    """Up to `CHUNK_IMAGES` labelled images."""

    images: np.ndarray  # (n, height, width, channels) uint8, 0-255
    labels: np.ndarray  # (n,) int64, 0 <= label < number of classes


@runtime_checkable
class Source(Protocol):
    """Labelled images in named splits.

    A source that has to fetch or prepare something first has a method `prepare()` as well; it is
    called once, in the process that launches the pipeline, before any other.

    One that reads what no path of its settings leads to says what that is by `stamp() -> str`, a
    word that changes when the data does: an ETag, a row count, a digest. It is asked each time that
    a run is planned, before `prepare`, and once more when all is read: another word then, and what
    was read counts for nothing. Without it Penstock says that it did not look at the data.
    """

    def spec(self) -> ImageSpec: ...

    def parts(self) -> Sequence[Part]:
        """All parts of all splits. More parts, more parallel work; one for a stream as of gzip."""
        ...

    def num_images(self) -> int | None:
        """Images in all splits together, for progress; None where only reading tells."""
        ...

    def read(self, part: Part) -> Iterator[Chunk]:
        """The part's images in order.

        Raises:
            BadDataError: they are not what they should be.
        """
        ...


def make_source(name: str, config: SourceConfig) -> Source:
    """The source called `name`, or by import path.

    Raises:
        ConfigError: unknown name, a setting that the source cannot use, or no source at all.
        BadDataError: what is seen at once to be wrong with the input.
        EnvironmentTrouble: the input cannot be read.
    """
    path = resolve_import_path(name, NAMES, "source")
    make = load_object(path)
    check_call(make, path, "a class whose __init__ takes a SourceConfig", 1)
    source = make(config)
    if not isinstance(source, Source):
        wanted = ("spec", "parts", "num_images", "read")
        raise ConfigError(
            f"{name!r} is no source",
            expected="a class with the methods " + ", ".join(wanted),
            got="one without "
            + ", ".join(m for m in wanted if not hasattr(source, m))
            + f" {locate_definition(make)}",
            follows="nothing was ingested",
            remedy="see data.sources.source.Source",
        )
    return source


def get_stamp_function(name: str, config: SourceConfig) -> Callable[[], str] | None:
    """What asks a source for its stamp, or None where it has none.

    Asking raises EnvironmentTrouble where an OSError says that the data cannot be reached, and
    ConfigError where the stamp is no text.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `make_source`.
    """
    kind = load_object(resolve_import_path(name, NAMES, "source"))
    if isinstance(kind, type) and not hasattr(kind, "stamp"):
        return None  # not made for it
    stamp: Callable[[], object] | None = getattr(make_source(name, config), "stamp", None)
    return None if stamp is None else functools.partial(_ask, name, stamp)


def _ask(name: str, stamp: Callable[[], object]) -> str:
    try:
        said = stamp()
    except OSError as error:
        raise EnvironmentTrouble(
            f"the source {name!r} cannot say what its data is now",
            expected="an answer of its method stamp()",
            got=summarize_error(error),
            remedy="run the same command again once the data can be reached",
        ) from error
    if not isinstance(said, str):
        raise ConfigError(
            f"the stamp of the source {name!r} is no text",
            expected="a str that changes when the data does",
            got=repr(said),
            follows="nothing ran",
        )
    return said


def chunk_size(image_bytes: int) -> int:
    """Images to read at a time, where one has so many bytes."""
    return max(1, min(CHUNK_IMAGES, _CHUNK_BYTES // image_bytes))
