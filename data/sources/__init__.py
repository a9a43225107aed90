"""Where images come from: one source per file, each a class that satisfies `Source`.

A source is named in the config by one of `NAMES` or, one's own, by import path
`package.module:Class`. It is made from a `SourceConfig` and pickled to Beam's workers, so
construction is cheap: it may read headers and labels to check them, never all the images,
and it keeps no open file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from data.import_path import load_object, resolve
from data.spec import ImageSpec

if TYPE_CHECKING:
    import numpy as np

CHUNK_IMAGES = 2048  # images per Beam element: small enough for memory, large enough for NumPy

NAMES = {
    "digits": "data.sources.digits:DigitsSource",
    "idx": "data.sources.idx:IdxSource",
    "npz": "data.sources.npz:NpzSource",
    "tfds": "data.sources.tfds:TfdsSource",
    "tfds_dir": "data.sources.tfds_dir:TfdsDirSource",
}


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """What a source may be told; each uses what concerns it."""

    path: str | None = None  # file or folder
    name: str | None = None  # dataset's name (tfds)
    version: str | None = None  # dataset's version (tfds); None: the newest
    data_dir: str | None = None  # where prepared datasets lie (tfds)
    class_names: tuple[str, ...] | None = None  # None: the source's own, else "0", "1", …
    options: dict[str, Any] = field(default_factory=dict)  # for one's own source


class Part(NamedTuple):
    """A piece of a split that one worker reads from start to end."""

    split: str  # "train" or "test"
    index: int  # place among the split's parts: parts in order are the split in order
    start: int = 0  # first image
    stop: int | None = None  # one past the last image; None: to the end


class Chunk(NamedTuple):
    """Up to `CHUNK_IMAGES` labelled images."""

    images: np.ndarray  # (n, height, width, channels) uint8, 0-255
    labels: np.ndarray  # (n,) int64, 0 <= label < number of classes


class Source(Protocol):
    """Labelled images in named splits."""

    def spec(self) -> ImageSpec: ...

    def parts(self) -> Sequence[Part]:
        """All parts of all splits. More parts, more parallel work; one is right for a stream such as gzip."""
        ...

    def num_images(self) -> int | None:
        """Images in all splits together, for progress; None where only reading tells."""
        ...

    def read(self, part: Part) -> Iterator[Chunk]:
        """The part's images in order. Raises BadDataError where they are not what they should be."""
        ...


def make_source(name: str, config: SourceConfig) -> Source:
    """The source called `name`, or by import path.

    Raises:
        ConfigError: unknown name or a setting that the source cannot use.
        BadDataError: what is seen at once to be wrong with the input.
    """
    source: Source = load_object(resolve(name, NAMES, "source"))(config)
    return source
