"""Group the parts of a source of image files into portions: the elements of ingest's Beam pipeline.

The images of a portion make one shard in each split, so portions do not depend on the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.sources.file_source import FilePart

PORTION_FILES = 8192  # most files of a portion, unless one part has more,
PORTION_BYTES = 128 << 20  # and the most bytes, of the files and of the pixels after the geometry


@dataclass(frozen=True)
class Portion:
    """Consecutive parts that one worker reads from start to end."""

    index: int  # from 0, in the order of the listing
    parts: tuple[FilePart, ...]

    @property
    def files(self) -> int:
        return sum(part.files for part in self.parts)


def group_parts(parts: Sequence[FilePart], image_bytes: int) -> list[Portion]:
    """Group parts in their order; `image_bytes` is the size of an image after the geometry."""
    portions: list[Portion] = []
    group: list[FilePart] = []
    files = size = 0
    for part in parts:
        part_size = max(part.size or 0, part.files * image_bytes)
        if group and (files + part.files > PORTION_FILES or size + part_size > PORTION_BYTES):
            portions.append(Portion(len(portions), tuple(group)))
            group, files, size = [], 0, 0
        group.append(part)
        files, size = files + part.files, size + part_size
    if group:
        portions.append(Portion(len(portions), tuple(group)))
    return portions
