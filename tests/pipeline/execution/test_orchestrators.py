from __future__ import annotations

import pytest
import same_runs

from pipeline import recipes
from pipeline.run import run


@pytest.mark.slow
def test_both_orchestrators_come_to_the_same(root, tmp_path):
    local = run(recipes.build("digits"), root=root)  # what the local one made before
    beam = run(recipes.build("digits"), root=tmp_path / "beam", orchestrator="beam")
    assert {execution.status for execution in beam.executions} == {"completed"}
    same_runs.assert_same(local, beam)
    again = run(recipes.build("digits"), root=tmp_path / "beam", orchestrator="beam")
    assert {execution.status for execution in again.executions} == {"cached"}
