"""The ledger is lost: one run enters what lies there again, and its commands work as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import exit_codes, recipes
from pipeline.cli.main import call
from pipeline.run import run
from pipeline.storage import artifact_lookup
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger


def entered(root: Path) -> dict[str, tuple]:
    """Of each step of the latest run: what it made, out of what."""
    with Ledger(root) as ledger:
        (latest,) = ledger.runs(1)
        return {
            e.step: (
                ledger.artifacts(e.fingerprint),
                ledger.lineage(e.fingerprint),
                ledger.upstream(e.fingerprint),
            )
            for e in ledger.executions(latest.id)
        }


@pytest.mark.parametrize("orchestrator", ["local", "beam"])
def test_a_cached_step_is_entered_again(toy_pipeline, tmp_path, orchestrator) -> None:
    root = tmp_path / "root"
    run(toy_pipeline(), root=root)
    before = entered(root)
    (root / FILE).unlink()
    result = run(toy_pipeline(), root=root, orchestrator=orchestrator)
    assert [e.status for e in result.executions] == ["reused"] * 3
    assert entered(root) == before
    run(toy_pipeline(), root=root)  # where it is known already, nothing changes
    assert entered(root) == before


@pytest.mark.slow
def test_after_one_run_the_verdict_is_shown_and_its_model_pushed(root, tmp_path) -> None:
    before = entered(root)
    digest = before["train"][0]["model"][1]["digest"]
    (root / FILE).unlink()
    assert run(recipes.build("digits"), root=root).run.exit_code == exit_codes.DONE
    now = entered(root)
    for one in (before, now):  # named by where it lies, and the root is a copy
        del one["export"][0]["push"][1]["served_path"]
    assert now == before
    with Ledger(root) as ledger:
        assert ledger.model(digest)
        assert artifact_lookup.find_training_examples(root, ledger, digest).counts
        assert ledger.last_push("digits")
    for words in (["gate", "latest"], ["push", "latest", "--serving", str(tmp_path / "other")]):
        assert call([*words, "--root", str(root)]) == exit_codes.DONE
    assert (tmp_path / "other" / "digits" / "1" / "push.json").is_file()
