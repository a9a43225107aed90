"""Look at a few files of a source before all are read: for the images' size, channels and store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from components.ingest.config import Config
from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.images.header import Header, read_header
from data.sources.file_source import FilePart, FileSource, ImageFile
from data.spec import ImageSpec

_FIRST_FILES = 8  # of the first part,
_PARTS = 8  # and the first file of so many parts, from the first to the last
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_COLOURLESS = ("1", "L", "LA", "I;16")


def infer_spec(
    config: Config, class_names: Sequence[str], source: FileSource, parts: Sequence[FilePart]
) -> ImageSpec:
    """Make the image spec from the settings, and from the headers of files where they are silent.

    Raises:
        BadDataError: a header is needed, and none of the files that were looked at has one.
    """
    height, width, channels = config.height, config.width, config.channels
    if height is None or width is None or channels is None:
        headers = _read_headers(read_first_files(source, parts))
        if height is None or width is None:
            height, width = headers[0].height, headers[0].width
            if config.orientation == "apply" and headers[0].orientation in _TURNED:
                height, width = width, height
        if channels is None:
            channels = 1 if all(header.mode in _COLOURLESS for header in headers) else 3
    return ImageSpec(
        height=height,
        width=width,
        channels=channels,
        class_names=tuple(class_names),
        geometry=config.geometry(),
    )


def read_first_files(source: FileSource, parts: Sequence[FilePart]) -> Iterator[ImageFile]:
    """Read the first files of the first part, and the first file of some other parts."""
    if parts:
        yield from islice(source.read_files(parts[0]), _FIRST_FILES)
    for part in parts[1 :: max(1, len(parts) // _PARTS)]:
        yield from islice(source.read_files(part), 1)


def _read_headers(files: Iterator[ImageFile]) -> list[Header]:
    headers, problems = [], []
    for file in files:
        try:
            if file.problem is not None:
                raise BadDataError(file.problem)
            headers.append(read_header(file.content))
        except BadDataError as error:
            problems.append((file.name, error.brief))
    if not headers:
        name, problem = problems[0] if problems else ("the first file", "there is none")
        raise BadDataError(
            f"the size of the images cannot be taken from {escape_line(name)}",
            expected="an image file, whose size and colours all images get",
            got=problem,
            follows="nothing was ingested",
            remedy="fix or remove the file, or set ingest.height, ingest.width and ingest.channels",
        )
    return headers
