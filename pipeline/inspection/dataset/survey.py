"""Survey the files of a dataset: classes, sizes, formats, bad files, duplicates, sample images."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from data.errors import BadDataError
from data.geometry import Geometry
from data.images.header import Header, read_header
from data.sources import describe_source
from data.sources.file_source import FileSource, ImageFile, LeftOut
from data.spec import ImageSpec
from pipeline.inspection.dataset.samples import Samples

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[int, int], object]  # files looked at, all files
_PURPOSE = "duplicates"
_MODES = {"L": "grey", "LA": "grey with alpha", "P": "palette"}


class BadFile(NamedTuple):
    """A file that ingest would refuse."""

    name: str
    reason: str


class Duplicate(NamedTuple):
    """Files with the same pixels or the same bytes."""

    names: tuple[str, ...]
    labels: tuple[str, ...]  # the different ones
    splits: tuple[str, ...]


@dataclass(kw_only=True)
class Survey:
    """What is in a dataset. Sizes are (height, width), as a viewer shows the images."""

    class_names: tuple[str, ...]
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # split or "" → class → images
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)  # such as "JPEG RGB"
    orientations: Counter[int] = field(default_factory=Counter)  # of EXIF, other than 1
    grey: int = 0  # images without colour
    total_bytes: int = 0  # of all files
    bad: list[BadFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    described: str = ""  # where labels, splits and groups come from, as the source says it
    duplicates: list[Duplicate] = field(default_factory=list)
    groups: defaultdict[str, Counter[str]] = field(  # group → split or "" → images
        default_factory=lambda: defaultdict(Counter)
    )
    # class, and the content of a file or, of a source of arrays, pixels
    samples: list[tuple[str, bytes | np.ndarray]] = field(default_factory=list)

    @property
    def images(self) -> int:
        """The number of good images."""
        return self.sizes.total()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the data itself has."""
        return tuple(name for name in ("train", "validation", "test") if name in self.counts)

    def count_class(self, name: str) -> int:
        """Return the number of good images of a class in all splits."""
        return sum(counts[name] for counts in self.counts.values())


class SameImages:
    """Groups images by a key that equal ones have in common."""

    def __init__(self) -> None:
        self._groups: defaultdict[object, list[tuple[str, str, str]]] = defaultdict(list)

    def add(self, key: object, name: str, label: str, split: str) -> None:
        self._groups[key].append((name, label, split))

    def find_duplicates(self) -> list[Duplicate]:
        """Return the groups of more than one image, in the order of their first ones."""
        found = [zip(*group, strict=True) for group in self._groups.values() if len(group) > 1]
        return [
            Duplicate(names, tuple(sorted({*labels})), tuple(sorted({*splits} - {""})))
            for names, labels, splits in found
        ]


def survey_files(
    source: FileSource,
    geometry: Geometry | None,
    progress: Progress = lambda done, total: None,
) -> Survey:
    """Read every file of a source once, and decode it if a geometry is given.

    Args:
        source: lists and reads the files.
        geometry: limits what is decoded, as in ingest. None: only headers are read, and duplicates
            are files with the same bytes instead of the same pixels.
        progress: called after each part.

    Raises:
        BadDataError, ConfigError, EnvironmentTrouble: as the methods of the source.
    """
    survey = Survey(class_names=tuple(source.class_names()), described=describe_source(source))
    parts = source.list_parts()
    total = sum(part.files for part in parts)
    same = SameImages()
    samples = Samples(survey.class_names)
    done = 0
    for part in parts:
        for file, header, key in _judge(list(source.read_files(part)), geometry):
            done += 1
            survey.total_bytes += len(file.content)
            if isinstance(header, str):
                survey.bad.append(BadFile(file.name, header))
                continue
            _enter(survey, file, header)
            samples.offer(file.name, file.label, file.content)
            same.add(key, file.name, file.label, file.split or "")
        progress(done, total)
    if hasattr(source, "left_out"):
        survey.left_out = list(source.left_out())
    survey.duplicates = same.find_duplicates()
    survey.samples = samples.choose()
    return survey


def _enter(survey: Survey, file: ImageFile, header: Header) -> None:
    split = file.split or ""
    survey.counts.setdefault(split, Counter())[file.label] += 1
    turned = header.orientation > 4
    size = (header.width, header.height) if turned else (header.height, header.width)
    survey.sizes[size] += 1
    survey.formats[_name_format(header)] += 1
    survey.grey += header.mode in ("L", "LA")
    if header.orientation != 1:
        survey.orientations[header.orientation] += 1
    if file.group is not None:
        survey.groups[file.group][split] += 1


def _name_format(header: Header) -> str:
    mode = _MODES.get(header.mode, header.mode)
    bits = f", {header.bits}-bit" if header.bits != 8 else ""
    return f"{header.kind.upper()} {mode}{bits}" + (", animated" if header.animated else "")


def _judge(
    files: Sequence[ImageFile], geometry: Geometry | None
) -> Iterator[tuple[ImageFile, Header | str, object]]:
    """Yield each file with its header or why it is bad, and what files of one image share."""
    pairs = [(file, _read_header(file)) for file in files]
    if geometry is None:
        for file, header in pairs:
            yield file, header, hashlib.blake2b(file.content, digest_size=16).digest()
        return
    from data.images.read_files import read_files

    present = [file.content for file in files if file.problem is None]
    outcomes = iter(read_files(present, _make_spec(geometry), (_PURPOSE,)))
    for file, header in pairs:
        if file.problem is not None:
            yield file, file.problem, None
        elif (read := next(outcomes)).problem is not None:
            yield file, read.problem, None  # in the words of ingest
        else:
            yield file, header, (read.shares[_PURPOSE], read.height, read.width)


def _read_header(file: ImageFile) -> Header | str:
    """Return the header of a file, or why it is bad."""
    if file.problem is not None:
        return file.problem
    try:
        return read_header(file.content)
    except BadDataError as error:
        return str(error.got)


def _make_spec(geometry: Geometry) -> ImageSpec:
    """Make a spec in which fitting costs nothing: the decoded pixels alone are of interest."""
    small = dataclasses.replace(geometry, fit="stretch", interpolation="nearest", antialias=False)
    return ImageSpec(height=1, width=1, channels=3, class_names=("a", "b"), geometry=small)
