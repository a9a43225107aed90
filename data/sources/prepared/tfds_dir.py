"""Read a prepared TensorFlow Datasets folder without the code that built it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from data.errors import BadDataError, summarize_error
from data.files.input_files import RemotePath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.prepared.tfds_dataset import TfdsDataset
from data.sources.prepared.tfds_prepared import (
    PreparedArrays,
    PreparedFiles,
    make_prepared_source,
)
from data.sources.prepared.tfds_shards import list_shards
from data.sources.source_config import SourceConfig

_EXPECTED = "a folder with dataset_info.json, features.json and TFRecord shards"
_METADATA = (".json", ".txt")  # endings of the files that describe the dataset, all small


def make_tfds_dir_source(config: SourceConfig) -> PreparedArrays | PreparedFiles:
    """Make the source of the dataset in the folder `path`.

    Raises:
        BadDataError: the folder holds no prepared dataset, or not one image and one label.
        ConfigError: a setting does not fit.
        EnvironmentTrouble: the folder cannot be read.
    """
    config.check("tfds_dir")
    return make_prepared_source(DatasetFolder(config), config)


class DatasetFolder(TfdsDataset):
    """The dataset in the folder `path`, as TFDS writes it to `<name>/<version>`.

    TFDS cannot read from Beam's file systems: from a URL, the shards of one part at a time are
    copied to a temporary folder.
    """

    def __init__(self, config: SourceConfig) -> None:
        self._folder = resolve_input_path(config.path, config.beam_args)
        with translate_file_errors(self._folder, _EXPECTED):
            names = [file.name for file in self._folder.iterdir()]
        self._metadata = tuple(name for name in names if name.endswith(_METADATA))
        self.fetches_files = isinstance(self._folder, RemotePath)
        super().__init__(f"the dataset in {self._folder}")

    def builder(self) -> Any:
        """Return the TFDS builder, with metadata alone where the folder is a URL."""
        with self._local_folder() as folder:
            return self._load_builder(folder)

    @contextmanager
    def open_builder(self, instruction: Any) -> Iterator[Any]:
        """Yield the builder, with the shards of the instruction in a local folder."""
        with self._local_folder() as folder:
            builder = self._load_builder(folder)
            if isinstance(self._folder, RemotePath):
                shards = list_shards(builder, instruction)
                _copy_files(self._folder, {PurePath(s.filename).name for s in shards}, folder)
            yield builder

    @contextmanager
    def _local_folder(self) -> Iterator[Path]:
        """Yield the folder itself, or a local copy of its metadata files."""
        if isinstance(self._folder, Path):
            yield self._folder
            return
        with tempfile.TemporaryDirectory(prefix="penstock-tfds-") as folder:
            _copy_files(self._folder, self._metadata, Path(folder))
            yield Path(folder)

    def _load_builder(self, folder: Path) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(folder)
        except Exception as error:  # a missing file, another format, invalid JSON, …
            raise BadDataError(
                f"{self._folder} is not a prepared dataset of TFDS",
                expected=_EXPECTED,
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy="set ingest.path to the folder of a version, such as mnist/3.0.1",
            ) from error


def _copy_files(source: RemotePath, names: Collection[str], folder: Path) -> None:
    for name in names:
        with (
            translate_file_errors(source / name, _EXPECTED),
            (source / name).open("rb") as file,
            (folder / name).open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)
