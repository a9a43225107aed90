"""Define a source that lists labelled files once and hands them out in parts."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from data.files.input_files import InputPath
from data.sources.file_source import FilePart, ImageFile, LeftOut
from data.sources.image_files.labelled import Dataset
from data.sources.image_files.parts import cut_parts, read_part


class ListedSource(ABC):
    """A `FileSource` of the files that `list_dataset` returns, below one folder.

    The listing is made when it is asked for, and not pickled: a worker reads parts alone.
    """

    def __init__(self, folder: InputPath) -> None:
        self._folder = folder

    @abstractmethod
    def list_dataset(self) -> Dataset:
        """List the files with their labels, and check them."""

    @functools.cached_property
    def _dataset(self) -> Dataset:
        return self.list_dataset()

    def class_names(self) -> Sequence[str]:
        return self._dataset.class_names

    def list_parts(self) -> list[FilePart]:
        return cut_parts(self._dataset.files)

    def left_out(self) -> Sequence[LeftOut]:
        return self._dataset.left_out

    def given_splits(self) -> set[str | None]:
        return {file.split for file in self._dataset.files}

    def describe(self) -> str:
        return self._dataset.described

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        return read_part(self._folder, part)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_dataset"}
