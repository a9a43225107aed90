"""A prepared TensorFlow Datasets directory, without the code that built it."""

from __future__ import annotations

import os
from typing import Any

from data.errors import BadDataError, in_one_line
from data.sources import SourceConfig
from data.sources.array_files import local_path, reading
from data.sources.prepared import PreparedSource

_EXPECTED = "a folder with dataset_info.json, features.json and TFRecord shards"


class TfdsDirSource(PreparedSource):
    """The dataset in the folder `path`, as TFDS leaves it in `<name>/<version>`."""

    def __init__(self, config: SourceConfig) -> None:
        config.check("tfds_dir", needs=("path",), takes=("class_names",))
        self._folder = local_path(config.path)
        with reading(self._folder, _EXPECTED):
            os.listdir(self._folder)
        super().__init__(f"the dataset in {self._folder}", config.class_names)

    def builder(self) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(self._folder)
        except Exception as error:  # a missing file, another format, a broken JSON, …
            raise BadDataError(
                f"{self._folder} holds no prepared dataset",
                expected=_EXPECTED,
                got=in_one_line(error),
                follows="nothing was ingested",
                remedy="check ingest.path: the folder of the version, such as mnist/3.0.1",
            ) from error
