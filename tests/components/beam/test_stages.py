"""How many stages each component's Beam work is: on a cluster a small job's time is its stages.

Where a count moves, print what `stages_of` returns: it names every stage and shuffle.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import counting
import numpy as np
import pytest

from components import ingest, normalize
from components.artifacts import Examples, Model
from components.context import Context
from components.evaluate.measure.counts import BASELINE, CANDIDATE

pytestmark = pytest.mark.slow

# Stages that workers run, and shuffles between them.
INGEST = (3, 2)  # spread the parts; read, encode, write; list the shards
NO_ANALYZER = (2, 0)  # trace; publish
ANALYZERS = (11, 3)  # a mean and a variance in one pass, all of it tensorflow-transform's
EVALUATION = (4, 2)  # read, ask, count; over twenty of each slice; flatten; write
SPREAD = (5, 3)  # the same, and the split's shards to several workers first


@pytest.fixture
def stages_of(tmp_path: Path) -> Callable[..., Any]:
    """A function that runs `step(context)`; returns what it returns, and its only job's stages."""

    def run(step: Callable[[Context], Any]) -> tuple[Any, counting.Stages]:
        counting.FnApiRunner.seen.clear()
        folder = tmp_path / "out"
        folder.mkdir()
        made = step(Context(output_dir=folder, beam_args=("--runner=counting.FnApiRunner",)))
        (stages,) = counting.FnApiRunner.seen
        return made, stages

    return run


def numbers(stages: Any) -> tuple[int, int]:
    print(stages)
    return len(stages.executable), len(stages.shuffles)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    context = Context(output_dir=tmp_path_factory.mktemp("ingest"))
    return ingest.run(ingest.Inputs(), ingest.Config(), context).examples


def test_ingest(stages_of: Callable[..., Any], digits: Examples) -> None:
    made, stages = stages_of(lambda context: ingest.run(ingest.Inputs(), ingest.Config(), context))
    assert made.examples.counts == digits.counts
    assert numbers(stages) == INGEST


@pytest.mark.parametrize(
    ("function", "wanted"),
    [("divide_by_255", NO_ANALYZER), ("own_preprocessing:standardize", ANALYZERS)],
)
def test_transform_analysis(
    stages_of: Callable[..., Any], digits: Examples, function: str, wanted: tuple[int, int]
) -> None:
    config = normalize.Config(preprocessing_fn=function)
    inputs = normalize.Inputs(examples=digits)
    _, stages = stages_of(lambda context: normalize.run(inputs, config, context))
    assert numbers(stages) == wanted


@pytest.mark.parametrize("models", [(CANDIDATE,), (CANDIDATE, BASELINE)])
@pytest.mark.parametrize("slices", [(), ("brightness",)])
@pytest.mark.parametrize(("shards", "wanted"), [(1, EVALUATION), (3, SPREAD)])
def test_evaluation(
    stages_of: Callable[..., Any],
    write_examples: Callable[..., Examples],
    train_model: Callable[..., Model],
    tmp_path: Path,
    models: tuple[str, ...],
    slices: tuple[str, ...],
    shards: int,
    wanted: tuple[int, int],
) -> None:
    """The same for any number of models and slices."""
    from components.evaluate.measure.model_analysis import measure

    examples = write_examples(tmp_path / "examples", np.arange(50), shards=shards)
    trained = zip(models, ((3, 2), (5, 4)), strict=False)
    bundles = {name: train_model(*how).bundle for name, how in trained}
    (whole, found), stages = stages_of(
        lambda context: measure(examples, "test", bundles, context, slices=slices)
    )
    assert whole.models.keys() == set(models)
    assert bool(found) == bool(slices)
    assert numbers(stages) == wanted
