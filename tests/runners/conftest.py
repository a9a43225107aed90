"""Runners that are started once for all tests that use them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusters
import pytest
import toy_steps

from data.base.waits import SECONDS
from pipeline import recipes
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.config.overrides import apply_settings
from pipeline.execution.result import RunResult
from pipeline.run import run


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job server that is slow to answer on a busy machine is no failure."""
    monkeypatch.setitem(SECONDS, "JOB_SERVER", 120.0)


@contextlib.contextmanager
def _up(name: str, folder: Path, *needs: str) -> Iterator[Any]:
    reason = clusters.missing(*needs) if needs else None
    if reason:
        pytest.skip(reason)
    with getattr(clusters, name)(folder / name) as runner:
        yield runner


@pytest.fixture(scope="session")
def job_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with _up("job_service", tmp_path_factory.mktemp("runner")) as runner:
        yield runner


@pytest.fixture(scope="session")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with _up("prism", tmp_path_factory.mktemp("runner"), "prism") as runner:
        yield runner


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("runner")
    with _up("flink", folder, "flink", "flink-job-server") as runner:
        yield runner


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("runner")
    with _up("spark", folder, "spark", "spark-job-server") as runner:
        yield runner


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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
def pushing_toy(tmp_path: Path) -> PipelineConfig:
    """Count → judge → serve, which says `started` right before its push and waits for `go`."""
    return PipelineConfig(
        name="toy",
        steps=(
            Step(name="count", component="toy_steps:Count", config=toy_steps.Count.Config()),
            Step(
                name="judge",
                component="toy_steps:Judge",
                config=toy_steps.Judge.Config(),
                inputs={"numbers": Ref("count", "numbers")},
            ),
            Step(
                name="serve",
                component="toy_steps:Serve",
                config=toy_steps.Serve.Config(hold=str(tmp_path)),
                inputs={"verdict": Ref("judge", "verdict")},
            ),
        ),
    )


@pytest.fixture
def slow_digits(digits: PipelineConfig, tmp_path: Path) -> PipelineConfig:
    """A source of the user's own, that halts in the middle until `go` lies in the test's folder."""
    options = f'{{folder = "at:{tmp_path}"}}'  # no path: it is not the data
    settings = ["ingest.source=halting:HaltingDigits", f"ingest.options={options}"]
    return apply_settings(digits, settings)
