"""Toy pipelines: three steps that need no library."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.graph import PipelineConfig, Ref, Step


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module `toy_steps`, importable by that name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield importlib.import_module("toy_steps")
    sys.modules.pop("toy_steps", None)


@pytest.fixture
def toy_pipeline(toy: ModuleType) -> Callable[..., PipelineConfig]:
    """A function that makes count → add → judge; keywords set values of the three configs."""

    def make(*, constant: int = 0, noisy: bool = False, status: str = "passed", **count: Any) -> PipelineConfig:
        return PipelineConfig(
            name="toy",
            steps=(
                Step(name="count", component="toy_steps:Count", config=toy.Count.Config(**count)),
                Step(
                    name="add",
                    component="toy_steps:Add",
                    config=toy.Add.Config(constant=constant, noisy=noisy),
                    inputs={"many": (Ref("count", "numbers"), Ref("count", "numbers"))},
                ),
                Step(
                    name="judge",
                    component="toy_steps:Judge",
                    config=toy.Judge.Config(status=status),
                    inputs={"numbers": Ref("add", "numbers")},
                ),
            ),
        )

    return make


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """Which toy components ran so far under the root `tmp_path / "root"`, in order."""

    def read() -> list[str]:
        file = tmp_path / "root.calls"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    return read
