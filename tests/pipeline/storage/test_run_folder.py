from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time

import pytest

from data.errors import RightLost
from data.files.documents import numbered
from pipeline.run import run
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.push_right import FILE, PushRight
from pipeline.storage.run_folder import mark_killed_runs, summaries


@pytest.fixture(params=["local", "beam"])
def at_its_push(request, pushing_pipeline, tmp_path):
    """A run that stands right before its push, and how it will end."""
    ended = []

    def work() -> None:
        try:
            ended.append(
                run(
                    pushing_pipeline(hold=str(tmp_path)),
                    root=tmp_path / "root",
                    orchestrator=request.param,
                )
            )
        except RightLost as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not (tmp_path / "started").exists():
        time.sleep(0.05)

    def goes_on():
        (tmp_path / "go").touch()
        thread.join()
        return ended[0]

    yield goes_on
    goes_on()


def settled(root) -> str:
    with Ledger(root) as ledger:
        mark_killed_runs(root, ledger)
        return ledger.find_run("latest").status


def test_a_run_that_is_taken_for_dead_and_is_not_pushes_nothing(at_its_push, tmp_path):
    root = tmp_path / "root"
    assert settled(root) == "running"
    (lock,) = root.glob("runs/*/.lock")
    lock.unlink()  # as on a machine that shares no locks with this one
    assert settled(root) == "killed"
    assert isinstance(at_its_push(), RightLost)
    assert not list(root.glob("serving/toy/[0-9]*"))
    assert settled(root) == "failed"  # by its own word: it lives


def test_a_run_that_nobody_takes_for_dead_pushes(at_its_push, tmp_path):
    assert at_its_push().push.version == 1
    assert settled(tmp_path / "root") == "done"


def test_a_run_at_its_rename_is_not_dead(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    result = run(toy_pipeline(), root=root)
    with Ledger(root) as ledger:
        ledger.finish_run(dataclasses.replace(result.run, status="running"))
    right = PushRight.begin(root / "runs" / result.run.id / FILE)
    with right.held(root / "serving" / "toy" / "1", "d"):
        assert settled(root) == "running"
    assert settled(root) == "killed"


def test_a_run_whose_folder_is_gone_is_dead(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    result = run(toy_pipeline(), root=root)
    with Ledger(root) as ledger:
        ledger.finish_run(dataclasses.replace(result.run, status="running"))
    shutil.rmtree(root / "runs")
    assert settled(root) == "killed"
    assert not (root / "runs").exists()


def test_what_a_killed_run_wrote_half_is_passed_over(tmp_path):
    whole = numbered("events.jsonl", {"event": "ended", "step": "count", "summary": "3 numbers"})
    half = json.dumps(numbered("events.jsonl", {"event": "ended"}))
    lines = [json.dumps(whole), "[]", "null", half, '{"event": "en']
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    assert summaries(tmp_path) == {"count": "3 numbers"}


def test_a_file_where_a_step_is_to_work_is_removed(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    made = run(toy_pipeline(), root=root, last="count").executions[0]
    (root / "work").mkdir(exist_ok=True)
    (root / "work" / made.fingerprint).write_text("x")
    result = run(toy_pipeline(), root=root, last="count", force=["count"])
    assert [e.status for e in result.executions] == ["made"]
