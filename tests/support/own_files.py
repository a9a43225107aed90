"""Write image files, and define a source of them as a user would: `own_files:Listed`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.sources import SourceConfig
from data.sources.file_source import FilePart, ImageFile, LeftOut

LIST = "list.json"
Splits = Mapping[str, tuple[np.ndarray, np.ndarray]]  # images (n, height, width, 1) and labels


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


def write_image_folder(folder: Path, splits: Splits, names: Sequence[str]) -> Path:
    """Write images of one channel as PNG files `split/class/number.png`."""
    for split, index, image, label in _number(splits):
        file = folder / split / names[label] / f"{index:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(file)
    return folder


def write_table(folder: Path, table: Path, splits: Splits, names: Sequence[str]) -> Path:
    """Write the table of a folder that `write_image_folder` wrote."""
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        for split, index, _, label in _number(splits):
            writer.writerow((f"{split}/{names[label]}/{index:05d}.png", names[label], split))
    return table


def _number(splits: Splits) -> Iterator[tuple[str, int, np.ndarray, int]]:
    for split, (images, labels) in splits.items():
        for index, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            yield split, index, image, label


def write_list(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the list of a folder, which is returned."""
    (folder / LIST).write_text(json.dumps(list(rows)))
    return folder
