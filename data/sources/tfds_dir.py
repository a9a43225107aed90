"""A prepared TensorFlow Datasets directory, without the code that built it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from data.errors import BadDataError, summarize_error
from data.files.input_files import RemotePath, resolve_input_path
from data.sources.array_files import translate_file_errors
from data.sources.source import SourceConfig
from data.sources.tfds_prepared import PreparedSource

_EXPECTED = "a folder with dataset_info.json, features.json and TFRecord shards"
_ABOUT = (".json", ".txt")  # files that tell of the dataset, all of them small


class TfdsDirSource(PreparedSource):
    """The dataset in the folder `path`, as TFDS leaves it in `<name>/<version>`.

    TFDS does not read by Beam's file systems: of a folder behind a URL, the shards that are to be
    read are copied to a temporary folder, a part's at a time.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("tfds_dir")
        self._folder = resolve_input_path(config.path, config.beam_args)
        with translate_file_errors(self._folder, _EXPECTED):
            names = [file.name for file in self._folder.iterdir()]
        self._about = tuple(name for name in names if name.endswith(_ABOUT))
        super().__init__(f"the dataset in {self._folder}", config.class_names)

    def builder(self) -> Any:
        with self._local_folder() as folder:
            return self._load_builder(folder)

    @contextmanager
    def open_builder(self, instruction: Any) -> Iterator[Any]:
        with self._local_folder() as folder:
            builder = self._load_builder(folder)
            if isinstance(self._folder, RemotePath):
                shards = builder.info.splits[instruction].file_instructions
                _fetch(self._folder, {PurePath(s.filename).name for s in shards}, folder)
            yield builder

    @contextmanager
    def _local_folder(self) -> Iterator[Path]:
        """The folder itself, or a copy of what tells of the dataset."""
        if isinstance(self._folder, Path):
            yield self._folder
            return
        with tempfile.TemporaryDirectory(prefix="penstock-tfds-") as folder:
            _fetch(self._folder, self._about, Path(folder))
            yield Path(folder)

    def _load_builder(self, folder: Path) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(folder)
        except Exception as error:  # a missing file, another format, a broken JSON, …
            raise BadDataError(
                f"{self._folder} holds no prepared dataset",
                expected=_EXPECTED,
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy="check ingest.path: the folder of the version, such as mnist/3.0.1",
            ) from error


def _fetch(source: RemotePath, names: Collection[str], folder: Path) -> None:
    for name in names:
        with (
            translate_file_errors(source / name, _EXPECTED),
            (source / name).open("rb") as file,
            (folder / name).open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)
