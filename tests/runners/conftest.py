"""Runners that are started once for all tests that use them."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline import recipes
from pipeline.config import apply_settings
from pipeline.graph import PipelineConfig
from pipeline.result import RunResult
from pipeline.run import run


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job server that is slow to answer on a busy machine is no failure."""
    monkeypatch.setattr("components.beam.job_service._REACH", 120.0)


@pytest.fixture(scope="session")
def clusters() -> ModuleType:
    """The module `clusters`, which starts real runners."""
    folder = str(Path(__file__).parent)
    sys.path.append(folder)
    try:
        return importlib.import_module("clusters")
    finally:
        sys.path.remove(folder)


@contextlib.contextmanager
def _up(clusters: Any, name: str, folder: Path, *needs: str) -> Iterator[Any]:
    reason = clusters.missing(*needs) if needs else None
    if reason:
        pytest.skip(reason)
    with getattr(clusters, name)(folder / name) as runner:
        yield runner


@pytest.fixture(scope="session")
def job_service(clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with _up(clusters, "job_service", tmp_path_factory.mktemp("runner")) as runner:
        yield runner


@pytest.fixture(scope="session")
def prism(clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with _up(clusters, "prism", tmp_path_factory.mktemp("runner"), "prism") as runner:
        yield runner


@pytest.fixture(scope="session")
def flink(clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("runner")
    with _up(clusters, "flink", folder, "flink", "flink-job-server") as runner:
        yield runner


@pytest.fixture(scope="session")
def spark(clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("runner")
    with _up(clusters, "spark", folder, "spark", "spark-job-server") as runner:
        yield runner


@pytest.fixture(scope="session")
def pool(clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a worker pool in a clean environment."""
    with clusters.worker_pool(tmp_path_factory.mktemp("runner") / "pool") as address:
        yield address


@pytest.fixture(scope="session")
def digits() -> PipelineConfig:
    return recipes.build("digits")


@pytest.fixture(scope="session")
def reference(digits: PipelineConfig, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The digits pipeline on Beam's in-process runner, by the local orchestrator."""
    return run(digits, root=tmp_path_factory.mktemp("reference"))


@pytest.fixture
def halting(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module `halting`: as a user's own, that workers do not have."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    yield importlib.import_module("halting")
    del sys.modules["halting"]


@pytest.fixture
def slow_digits(halting: ModuleType, digits: PipelineConfig, tmp_path: Path) -> PipelineConfig:
    """A source of the user's own, that halts in the middle until `go` lies in the test's folder."""
    options = f'{{folder = "{tmp_path}"}}'
    settings = ["ingest.source=halting:HaltingDigits", f"ingest.options={options}"]
    return apply_settings(digits, settings)
