"""Toy pipelines: three steps that need no library."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import toy_steps

from components.report.pictures.album import Album
from pipeline import recipes
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.run import run


@pytest.fixture
def toy_pipeline() -> Callable[..., PipelineConfig]:
    """A function that makes count → add → judge; keywords set values of the three configs."""

    def make(
        *, constant: int = 0, noisy: bool = False, status: str = "passed", **count: Any
    ) -> PipelineConfig:
        return PipelineConfig(
            name="toy",
            steps=(
                Step(
                    name="count",
                    component="toy_steps:Count",
                    config=toy_steps.Count.Config(**count),
                ),
                Step(
                    name="add",
                    component="toy_steps:Add",
                    config=toy_steps.Add.Config(constant=constant, noisy=noisy),
                    inputs={"many": (Ref("count", "numbers"), Ref("count", "numbers"))},
                ),
                Step(
                    name="judge",
                    component="toy_steps:Judge",
                    config=toy_steps.Judge.Config(status=status),
                    inputs={"numbers": Ref("add", "numbers")},
                ),
            ),
        )

    return make


@pytest.fixture
def pushing_pipeline(
    toy_pipeline: Callable[..., PipelineConfig],
) -> Callable[..., PipelineConfig]:
    """A function that makes count → add → judge → serve; keywords are for `toy_steps.Serve`."""

    def make(**serve: Any) -> PipelineConfig:
        step = Step(
            name="serve",
            component="toy_steps:Serve",
            config=toy_steps.Serve.Config(**serve),
            inputs={"verdict": Ref("judge", "verdict")},
        )
        return dataclasses.replace(toy_pipeline(), steps=(*toy_pipeline().steps, step))

    return make


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """Which toy components ran so far under the root `tmp_path / "root"`, in order."""

    def read() -> list[str]:
        file = tmp_path / "root.calls"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    return read


@pytest.fixture(scope="session")
def finished_root(make_once: Callable[..., Path]) -> Path:
    """A root in which `penstock run digits` has run to its end; look, do not change."""

    def fill(root: Path) -> None:
        result = run(recipes.build("digits"), root=root)
        assert result.run.exit_code == 0
        write_report_and_pictures(result)

    return make_once("finished-digits", fill)


@pytest.fixture
def root(finished_root: Path, tmp_path: Path) -> Path:
    """A copy of `finished_root`, to be changed."""
    return Path(shutil.copytree(finished_root, tmp_path / "root"))


@pytest.fixture(scope="session")
def seeds_root(finished_root: Path, make_once: Callable[..., Path]) -> Path:
    """`finished_root` with trainings of the seeds 1 and 2 that no gate has seen yet; do not change.

    A run with one of these seeds trains nothing. The latest run is the one without a seed.
    """

    def fill(root: Path) -> None:
        shutil.copytree(finished_root, root)
        for seed in (1, 2):
            run(dataclasses.replace(recipes.build("digits"), seed=seed), root=root, last="train")
        assert run(recipes.build("digits"), root=root).run.exit_code == 0

    return make_once("finished-seeds", fill)


@pytest.fixture
def root_of_seeds(seeds_root: Path, tmp_path: Path) -> Path:
    """A copy of `seeds_root`, to be changed."""
    return Path(shutil.copytree(seeds_root, tmp_path / "root"))


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Runs by command draw no pictures, for tests in which nobody looks at them."""
    with mock.patch("pipeline.inspection.report_and_pictures.draw_album", return_value=Album()):
        yield


@pytest.fixture
def finished_digits(finished_root: Path) -> Callable[..., Path]:
    """A function that copies `finished_root` and takes a step's and all later artifacts away."""

    def copy(*, until_before: str, at: Path) -> Path:
        shutil.copytree(finished_root, at)
        steps = [step.name for step in recipes.build("digits").steps]
        for step in steps[steps.index(until_before) :]:
            shutil.rmtree(at / "artifacts" / step)
        for events in at.glob("runs/*/events.jsonl"):
            events.unlink()
        return at

    return copy
