"""Any TensorFlow Datasets classification set of one image size, by name and version."""

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
from data.sources.source import SourceConfig
from data.sources.tfds_prepared import PreparedSource


@contextlib.contextmanager
def limit_server_wait(seconds: float) -> Iterator[None]:
    """Give up a server that is silent for so long in the block, where TFDS would wait for ever."""
    from requests.adapters import HTTPAdapter

    send, before = HTTPAdapter.send, socket.getdefaulttimeout()

    @functools.wraps(send)
    def bounded(self: Any, *args: Any, **options: Any) -> Any:
        return send(self, *args, **{**options, "timeout": options.get("timeout") or seconds})

    HTTPAdapter.send = bounded  # type: ignore[method-assign]
    socket.setdefaulttimeout(seconds)  # for FTP
    try:
        yield
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]
        socket.setdefaulttimeout(before)


class TfdsSource(PreparedSource):
    """The dataset `name`, at `version` or the newest, under `data_dir` or TFDS's own place.

    It is downloaded and prepared on first use; after that nothing needs the network.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("tfds")
        self._name = config.name or ""
        self._dataset = f"{self._name}:{config.version}" if config.version else self._name
        self._data_dir = config.data_dir
        super().__init__(f"the TFDS dataset {self._dataset}", config.class_names)

    def prepare(self) -> None:
        """Download and prepare the dataset if that is not done yet.

        Raises:
            ConfigError: there is no such dataset, or not in this version.
            EnvironmentTrouble: it could not be downloaded or prepared.
        """
        builder = self.builder()
        try:
            with limit_server_wait(SECONDS["DOWNLOAD"]):
                builder.download_and_prepare()
        except Exception as error:  # whatever the dataset's own code and the network come up with
            raise EnvironmentTrouble(
                f"{self._what} could not be prepared",
                expected=f"a download, then a prepared dataset in {builder.data_dir}",
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy="check the network and try again (PENSTOCK_WAIT_DOWNLOAD says how long a "
                "server may be silent); or prepare it elsewhere, copy it, and set ingest.data_dir",
            ) from error

    def builder(self) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder(self._dataset, data_dir=self._data_dir)
        except (AssertionError, ValueError) as error:  # of name, version, or the form of either
            known = {*tfds.list_builders(), *self._prepared_names()}
            remedy = "leave ingest.version out for the newest"
            if self._name not in known:
                remedy = suggest_names(self._name, known)
            raise ConfigError(
                f"TFDS cannot load {self._dataset!r}",
                expected="a dataset as ingest.name, one of its versions as ingest.version",
                got=summarize_error(error),
                follows="nothing was ingested",
                remedy=remedy,
            ) from error

    def _prepared_names(self) -> list[str]:
        """Datasets in `data_dir`, whether TFDS knows their code or not."""
        folder = Path(self._data_dir or "")
        return os.listdir(folder) if self._data_dir and folder.is_dir() else []
