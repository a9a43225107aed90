"""MNIST on real clusters: ingest gives the same bytes, evaluation the same counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components import ingest
from components.context import Context
from components.evaluate.measure.counts import CANDIDATE, Tally
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture(scope="module")
def mnist(mnist_dir: Path) -> PipelineConfig:
    settings = ["ingest.source=idx", f"ingest.path={mnist_dir}", "train.epochs=1"]
    return apply_settings(recipes.build("mnist"), settings)


@pytest.fixture(scope="module")
def made(mnist, tmp_path_factory) -> dict[str, Any]:
    return run(mnist, root=tmp_path_factory.mktemp("mnist"), last="train").outputs


@pytest.fixture(scope="module")
def counted(made, tmp_path_factory) -> Callable[..., tuple[Tally, dict[str, Tally]]]:
    """Counts of the test split and its ten classes, by the runner that flags name."""
    from components.evaluate.measure.model_analysis import measure

    def count(args: tuple[str, ...]) -> tuple[Tally, dict[str, Tally]]:
        context = Context(output_dir=tmp_path_factory.mktemp("counts"), beam_args=args)
        bundles = {CANDIDATE: made["train"].model.bundle}
        return measure(made["ingest"].examples, "test", bundles, context, slices=("label",))

    return count


@pytest.fixture(scope="module")
def here(counted) -> tuple[Tally, dict[str, Tally]]:
    return counted(Context.beam_args)


def test_ingest_on_flink_gives_the_same_bytes(flink, mnist, made, tmp_path):
    context = Context(output_dir=tmp_path, beam_args=flink.args)
    found = ingest.run(ingest.Inputs(), mnist.step("ingest").config, context).examples
    expected = made["ingest"].examples
    assert found.counts == expected.counts
    for shard in expected.path.glob("*.tfrecord*"):
        assert (found.path / shard.name).read_bytes() == shard.read_bytes()


@pytest.mark.parametrize("name", ["flink", "spark"])
def test_evaluation_counts_the_same(name, counted, here, request):
    whole, slices = counted(request.getfixturevalue(name).args)
    assert whole.models[CANDIDATE].examples.sum() == 10_000
    assert slices.keys() == here[1].keys()
    for found, expected in ((whole, here[0]), *((slices[s], here[1][s]) for s in slices)):
        np.testing.assert_array_equal(
            found.models[CANDIDATE].confusion, expected.models[CANDIDATE].confusion
        )
