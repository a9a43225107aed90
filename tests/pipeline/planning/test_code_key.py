"""The code of a pipeline has a key, whatever its settings name that is made by runs."""

from __future__ import annotations

import pytest

from pipeline import recipes
from pipeline.config.overrides import apply_settings
from pipeline.planning.code_key import compute_code_key


@pytest.mark.parametrize("model", ["serving", "run:latest"])
def test_a_model_that_runs_make_is_no_code(model: str) -> None:
    mnist = recipes.build("mnist")
    assert compute_code_key(
        apply_settings(mnist, [f"train.warm_start={model}"])
    ) == compute_code_key(mnist)
