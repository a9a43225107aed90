"""Read a folder of image files in which the folders' names are the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data.sources.file_source import FilePart, ImageFile
from data.sources.source import SourceConfig


class ImageFolderSource:
    """Reads `class/name.ext` below `ingest.path`."""

    def __init__(self, config: SourceConfig) -> None:
        self._path = Path(str(config.path)).expanduser()

    def class_names(self) -> Sequence[str]:
        return sorted(folder.name for folder in self._path.iterdir() if folder.is_dir())

    def list_parts(self) -> Sequence[FilePart]:
        files = sorted(file for file in self._path.rglob("*") if file.is_file())
        names = [str(file.relative_to(self._path)) for file in files]
        size = sum(file.stat().st_size for file in files)
        return [FilePart(index=0, files=len(files), size=size, items=names)]

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        for name in part.items:
            file = self._path / name
            yield ImageFile(name=name, content=file.read_bytes(), label=file.parent.name)
