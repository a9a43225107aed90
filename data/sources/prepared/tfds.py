"""Read a classification dataset of TensorFlow Datasets by name and version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from data.base.waits import SECONDS
from data.errors import ConfigError, EnvironmentTrouble, suggest_names, summarize_error
from data.sources.prepared.tfds_bucket import copy_from_bucket
from data.sources.prepared.tfds_dataset import TfdsDataset
from data.sources.prepared.tfds_downloads import limit_server_wait
from data.sources.prepared.tfds_prepared import (
    PreparedArrays,
    PreparedFiles,
    make_prepared_source,
)
from data.sources.source_config import SourceConfig


def make_tfds_source(config: SourceConfig) -> PreparedArrays | PreparedFiles:
    """Make the source of a dataset that TensorFlow Datasets knows, or that is in `data_dir`.

    Raises:
        ConfigError: there is no such dataset, or not in this version; or a setting does not fit.
        BadDataError: it has not one image and one label.
    """
    config.check("tfds")
    return make_prepared_source(NamedDataset(config), config)


class NamedDataset(TfdsDataset):
    """The dataset `name`, at `version` or the newest, in `data_dir` or TFDS's default folder.

    It is downloaded and prepared on first use; later uses need no network.
    """

    def __init__(self, config: SourceConfig) -> None:
        self._name = config.name or ""
        self._dataset = f"{self._name}:{config.version}" if config.version else self._name
        self._data_dir = config.data_dir
        self._try_gcs = config.try_gcs
        super().__init__(f"the TFDS dataset {self._dataset}")

    def prepare(self) -> None:
        """Copy the dataset from the public bucket, or download and prepare it, unless it is there.

        Raises:
            ConfigError: there is no such dataset, or not in this version.
            EnvironmentTrouble: it could not be copied, downloaded or prepared.
        """
        builder = self.builder()
        folder = Path(builder.data_dir)
        try:
            with limit_server_wait(SECONDS["DOWNLOAD_START"], SECONDS["DOWNLOAD"]):
                copied = (
                    self._try_gcs
                    and not folder.exists()
                    and copy_from_bucket(builder.info.full_name, folder)
                )
                if not copied:
                    builder.download_and_prepare()
        except Exception as error:  # from the dataset's own code, or the network
            raise EnvironmentTrouble(
                f"{self.what} could not be prepared",
                expected=f"a download, then a prepared dataset in {folder}",
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy=_describe_manual(builder)
                or "check the network and try again "
                "(PENSTOCK_WAIT_DOWNLOAD and PENSTOCK_WAIT_DOWNLOAD_START set how long to wait); "
                + ("or remove ingest.try_gcs; " if self._try_gcs else "")
                + "or prepare it on another machine, copy it, and set ingest.data_dir",
            ) from error

    def builder(self) -> Any:
        """Return the TFDS builder of the dataset.

        Raises:
            ConfigError: there is no such dataset, or not in this version.
        """
        import tensorflow_datasets as tfds

        try:
            return tfds.builder(self._dataset, data_dir=self._data_dir)
        except (AssertionError, ValueError) as error:  # unknown or malformed name or version
            # without community datasets, whose list would be fetched
            own = tfds.list_builders(with_community_datasets=False)
            names = {*own, *self._prepared_names()}
            remedy = "remove ingest.version to use the newest"
            if self._name not in names:
                remedy = suggest_names(self._name, names)
            raise ConfigError(
                f"TFDS cannot load {self._dataset!r}",
                expected="a dataset as ingest.name and, if set, its version as ingest.version",
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy=remedy,
            ) from error

    def _prepared_names(self) -> list[str]:
        """Return the datasets in `data_dir`, also those whose code TFDS does not have."""
        folder = Path(self._data_dir or "")
        return os.listdir(folder) if self._data_dir and folder.is_dir() else []


def _describe_manual(builder: Any) -> str | None:
    """Return what a person must download, where files are needed and not there; else None."""
    text = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
    folder = Path(builder.data_dir_root, "downloads", "manual")
    if not text or (folder.is_dir() and any(folder.iterdir())):
        return None
    return f"put the files that TFDS cannot download into {folder}: {' '.join(text.split())}"
