"""What a result answers to whoever started the run from Python; with a real one: test_notebook."""

from __future__ import annotations

import pytest

from components.artifacts import Examples
from data.errors import ConfigError
from data.examples.read_images import read_images
from pipeline import recipes
from pipeline.run import run


def test_the_repr_fits_on_a_screen(toy_pipeline, tmp_path):
    result = run(toy_pipeline(upto=2), root=tmp_path / "root", progress=False)
    statuses = {execution.step: execution.status for execution in result.executions}
    assert repr(result).splitlines() == [
        "RunResult(",
        f"  run='{result.run.id}',",
        f"  status={result.run.status!r},",
        "  verdict='passed',",
        "  exit_code=0,",
        f"  steps={statuses},",
        "  accuracy=None,",
        "  pushed=None,",
        ")",
    ]


def test_a_run_without_metrics_examples_or_model_says_so(toy_pipeline, tmp_path):
    result = run(toy_pipeline(), root=tmp_path / "root", progress=False)
    assert result.metrics == {}
    with pytest.raises(ConfigError, match="has no Examples"):
        result.examples("train")
    with pytest.raises(ConfigError, match="has no Model"):
        result.model()


@pytest.mark.slow
def test_metrics_and_examples_of_a_cached_run(root):
    result = run(recipes.build("digits"), root=root, progress=False)
    assert result.metrics["accuracy"] > 0.9
    with pytest.raises(ConfigError, match=r"no split 'tset'\n.*did you mean 'test'"):
        result.examples("tset")
    images, labels = next(iter(result.examples("test").batch(3)))
    expected = read_images(result.artifact(Examples), "test", [0, 1, 2])
    assert (images.numpy() == expected.images).all()
    assert (labels.numpy() == expected.labels).all()
