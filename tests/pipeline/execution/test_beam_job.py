from __future__ import annotations

from pipeline.execution.beam_job import Job, collect_done
from pipeline.planning import prepare
from pipeline.planning.prepare import Request
from pipeline.run import run
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.push_right import PushRight


def test_a_plan_is_the_same_after_its_travel(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    run(toy_pipeline(), root=root, last="count")
    request = Request(
        root=root,
        serving_dir=None,
        only=None,
        first=None,
        last=None,
        force=["add"],
        beam_args=(),
        shared_filesystem=False,
    )
    with Ledger(root) as ledger:
        prepared = prepare.prepare(toy_pipeline(), request, ledger)
    job = Job.of(
        prepared.plan,
        prepared.chosen,
        prepared.workspace,
        run_id="r",
        attempt="a",
        code={"mine.py": "x = 1"},
    )
    there = Job.from_text(job.to_text())
    assert there == job
    assert there.push_right == PushRight(root / "runs" / "r" / "push_right.json", "a")
    assert there.plan() == prepared.plan
    assert [p.step.name for p in prepared.plan if p.sealed] == ["count"]
    assert there.chosen == ("count", "add", "judge")
    done = collect_done(there.plan()[:2], root)
    assert done.sealed["count"] == prepared.plan[0].sealed
    assert done.sealed["add"] is None
