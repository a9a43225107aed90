"""Define the protocol of a source of image files: encoded images of any size, with labels by name.

Ingest decodes them, fits them to the image spec, splits them and counts them; such a source only
lists and reads files. It is made from a `SourceConfig` and pickled to Beam's workers, as a `Source`
of arrays is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

PART_FILES = 512  # most files of a part,
PART_BYTES = 32 << 20  # and about the most bytes


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image file with its label, or why there is none."""

    name: str  # unique in the source: where a reader finds the file, relative to ingest.path
    content: bytes  # empty if there is a problem
    label: str  # name of the class
    split: str | None = None  # train, validation or test; None: the shares of ingest decide
    group: str | None = None  # images of one group stay in one split
    features: Mapping[str, str] = field(default_factory=dict)  # further columns, by name
    problem: str | None = None  # why the file cannot be read: it counts as a bad file


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """A piece of the listing that one worker reads from start to end; no contents."""

    index: int  # from 0, in the order of the listing
    files: int  # number of files that `read` yields, those with a problem included
    size: int | None  # bytes of all files; None: not known
    items: Any  # what `read` needs to find them; pickled


class LeftOut(NamedTuple):
    """Something in the listing that is no image of the dataset."""

    name: str
    reason: str  # such as "hidden", "not an image: .txt"


@runtime_checkable
class FileSource(Protocol):
    """Labelled image files: three methods.

    `prepare()` and `stamp()` are optional, as for `data.sources.source.Source`. `left_out()` is
    optional too: it returns the `LeftOut`s of the listing. So is `given_splits()`: it returns the
    set of all values of `ImageFile.split`. With it ingest can leave a validation split as it is;
    without it a share of train beside such a split is an error. `describe()` may return a phrase of
    where labels, splits and groups come from, for the step's summary.
    """

    def class_names(self) -> Sequence[str]:
        """Return the names of all classes of all splits, in the order of their labels.

        Raises:
            BadDataError: the listing is invalid.
            ConfigError: a setting does not fit the listing.
        """
        ...

    def list_parts(self) -> Sequence[FilePart]:
        """List all files, in an order that does not change from run to run."""
        ...

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        """Read the part's files in order; an unreadable file is yielded with its problem."""
        ...
