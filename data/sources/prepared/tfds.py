"""Read a classification dataset of TensorFlow Datasets by name and version; one image size."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.base.waits import SECONDS
from data.errors import ConfigError, EnvironmentTrouble, suggest_names, summarize_error
from data.sources.prepared.tfds_prepared import PreparedSource
from data.sources.source_config import SourceConfig


@contextlib.contextmanager
def limit_server_wait(seconds: float) -> Iterator[None]:
    """Limit how long a download in the block waits for a server; TFDS sets no limit."""
    from requests.adapters import HTTPAdapter

    send, default_timeout = HTTPAdapter.send, socket.getdefaulttimeout()

    @functools.wraps(send)
    def send_with_timeout(self: Any, *args: Any, **options: Any) -> Any:
        return send(self, *args, **{**options, "timeout": options.get("timeout") or seconds})

    HTTPAdapter.send = send_with_timeout  # type: ignore[method-assign]
    socket.setdefaulttimeout(seconds)  # for FTP
    try:
        yield
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]
        socket.setdefaulttimeout(default_timeout)


class TfdsSource(PreparedSource):
    """The dataset `name`, at `version` or the newest, in `data_dir` or TFDS's default folder.

    It is downloaded and prepared on first use; later uses need no network.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("tfds")
        self._name = config.name or ""
        self._dataset = f"{self._name}:{config.version}" if config.version else self._name
        self._data_dir = config.data_dir
        super().__init__(f"the TFDS dataset {self._dataset}", config.class_names)

    def prepare(self) -> None:
        """Download and prepare the dataset, unless it is prepared.

        Raises:
            ConfigError: there is no such dataset, or not in this version.
            EnvironmentTrouble: it could not be downloaded or prepared.
        """
        builder = self.builder()
        try:
            with limit_server_wait(SECONDS["DOWNLOAD"]):
                builder.download_and_prepare()
        except Exception as error:  # from the dataset's own code, or the network
            raise EnvironmentTrouble(
                f"{self._what} could not be prepared",
                expected=f"a download, then a prepared dataset in {builder.data_dir}",
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy="check the network and try again (PENSTOCK_WAIT_DOWNLOAD sets how long to "
                "wait); or prepare it on another machine, copy it, and set ingest.data_dir",
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
            names = {*tfds.list_builders(), *self._prepared_names()}
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
