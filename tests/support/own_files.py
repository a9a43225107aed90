"""Define a source of image files as a user would, for the import path `own_files:Listed`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data.sources import SourceConfig
from data.sources.file_source import FilePart, ImageFile, LeftOut

LIST = "list.json"


class Listed:
    """The rows of `list.json` in the folder `path`: arguments of `ImageFile` without its content.

    Options: files, for each part; sized, whether sizes are known; forget, whether the last file of
    each part is not yielded; left_out, names.
    """

    def __init__(self, config: SourceConfig) -> None:
        self._folder = Path(str(config.path))
        self._names = config.class_names
        self._options = config.options

    def _rows(self) -> list[dict[str, Any]]:
        return json.loads((self._folder / LIST).read_text())

    def class_names(self) -> Sequence[str]:
        return self._names or sorted({row["label"] for row in self._rows()})

    def list_parts(self) -> Sequence[FilePart]:
        rows, step = self._rows(), self._options.get("files", 50)
        parts = [rows[start : start + step] for start in range(0, len(rows), step)]
        return [
            FilePart(index=index, files=len(part), size=self._size(part), items=part)
            for index, part in enumerate(parts)
        ]

    def _size(self, rows: list[dict[str, Any]]) -> int | None:
        if not self._options.get("sized", True):
            return None
        files = (self._folder / row["name"] for row in rows)
        return sum(file.stat().st_size for file in files if file.exists())

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        rows = part.items[:-1] if self._options.get("forget") else part.items
        for row in rows:
            try:
                content = (self._folder / row["name"]).read_bytes()
                problem = row.get("problem")
            except OSError as error:
                content, problem = b"", error.strerror
            yield ImageFile(**{**row, "content": content, "problem": problem})

    def left_out(self) -> list[LeftOut]:
        return [LeftOut(name, "hidden") for name in self._options.get("left_out", ())]


def write_list(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the list of a folder, which is returned."""
    (folder / LIST).write_text(json.dumps(list(rows)))
    return folder
