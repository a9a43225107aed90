from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import toy_steps

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from pipeline import exit_codes
from pipeline.run import run
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[2]


@pytest.fixture(params=["local", "beam"], autouse=True)
def orchestrator(request, monkeypatch):
    """Whatever is said here of a run holds for both orchestrators."""
    monkeypatch.setitem(globals(), "run", functools.partial(run, orchestrator=request.param))
    return request.param


def statuses(result) -> list[str]:
    return [execution.status for execution in result.executions]


def test_runs_every_step_once_and_then_reuses_all(toy_pipeline, calls, tmp_path):
    first = run(toy_pipeline(upto=4), root=tmp_path / "root")
    assert statuses(first) == ["completed"] * 3
    assert first.outputs["add"].numbers.total == 2 * sum(range(4))
    second = run(toy_pipeline(upto=4), root=tmp_path / "root")
    assert statuses(second) == ["cached"] * 3
    assert second.outputs == first.outputs
    assert calls() == ["count", "add", "judge"]


def test_only_what_depends_on_a_change_runs_again(toy_pipeline, calls, tmp_path):
    run(toy_pipeline(), root=tmp_path / "root")
    changed = run(toy_pipeline(constant=5), root=tmp_path / "root")
    assert statuses(changed) == ["cached", "completed", "completed"]
    back = run(toy_pipeline(), root=tmp_path / "root")
    assert statuses(back) == ["cached"] * 3


def test_an_input_file_counts_by_its_content(toy_pipeline, tmp_path):
    file = tmp_path / "numbers.txt"
    file.write_text("1 2 3")
    run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    file.write_text("1 2 3")
    assert statuses(run(toy_pipeline(file=str(file)), root=tmp_path / "root")) == ["cached"] * 3
    file.write_text("1 2 4")
    result = run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    assert statuses(result) == ["completed"] * 3
    assert result.outputs["count"].numbers.total == 7


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("passed", exit_codes.DONE),
        ("failed", exit_codes.VERDICT_FAILED),
        ("not configured", exit_codes.GATE_NOT_CONFIGURED),
    ],
)
def test_the_exit_code_is_the_verdicts_also_when_all_is_reused(
    toy_pipeline, tmp_path, status, code
):
    for _ in range(2):
        result = run(toy_pipeline(status=status), root=tmp_path / "root")
        assert result.run.exit_code == code
        assert result.verdict is not None
        assert result.verdict.status == status


@pytest.mark.parametrize(
    ("status", "error", "code", "ending"),
    [
        ("bad data", BadDataError, exit_codes.BAD_DATA, "failed"),
        ("crash", ZeroDivisionError, exit_codes.CRASH, "failed"),
        ("interrupt", KeyboardInterrupt, exit_codes.INTERRUPTED, "interrupted"),
    ],
)
def test_a_step_that_fails_leaves_nothing_but_its_entry_and_the_next_run_goes_on(
    toy_pipeline, calls, tmp_path, status, error, code, ending
):
    root = tmp_path / "root"
    with pytest.raises(error):
        run(toy_pipeline(status=status), root=root)
    with Ledger(root) as ledger:
        (failed,) = ledger.runs()
        assert (failed.status, failed.exit_code) == (ending, code)
        assert [e.status for e in ledger.executions(failed.id)] == [
            "completed",
            "completed",
            ending,
        ]
    assert not list(root.glob("artifacts/*/.*.making"))
    assert not list(root.glob("artifacts/toy_steps.Judge/[0-9a-f]*"))
    assert (root / "runs" / failed.id / "traceback.txt").exists() == (code == exit_codes.CRASH)
    result = run(toy_pipeline(), root=root)
    assert statuses(result) == ["cached", "cached", "completed"]


@pytest.mark.parametrize("noisy", [True, False])
def test_forcing_a_step_runs_what_depends_on_it_too_if_it_came_out_differently(
    toy_pipeline, tmp_path, noisy
):
    root = tmp_path / "root"
    run(toy_pipeline(noisy=noisy), root=root)
    result = run(toy_pipeline(noisy=noisy), root=root, force=["add"])
    assert statuses(result) == ["cached", "completed", "completed" if noisy else "cached"]
    assert statuses(run(toy_pipeline(noisy=noisy), root=root)) == ["cached"] * 3


def test_a_lost_or_shortened_artifact_is_made_again(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    first = run(toy_pipeline(), root=root)
    (first.outputs["add"].numbers.path / "sum").write_text("")
    assert statuses(run(toy_pipeline(), root=root)) == ["cached", "completed", "cached"]


def test_some_of_the_steps(toy_pipeline, calls, tmp_path):
    root = tmp_path / "root"
    until = run(toy_pipeline(), root=root, last="add")
    assert [e.step for e in until.executions] == ["count", "add"]
    assert until.run.exit_code == exit_codes.DONE
    only = run(toy_pipeline(), root=root, only="judge")
    assert [e.step for e in only.executions] == ["judge"]
    with pytest.raises(ConfigError, match="has no cached result"):
        run(toy_pipeline(upto=9), root=root, first="add")
    with pytest.raises(ConfigError, match="did you mean 'count'"):
        run(toy_pipeline(), root=root, force=["cuont"])
    with pytest.raises(ConfigError, match="not among the steps to run"):
        run(toy_pipeline(), root=root, only="judge", force=["count"])


def test_a_run_of_later_steps_alone_still_exits_with_the_verdict(toy_pipeline, tmp_path):
    judged = toy_pipeline(status="failed")
    add = dataclasses.replace(judged.steps[1], name="after")
    pipeline = dataclasses.replace(judged, steps=(*judged.steps, add))
    run(pipeline, root=tmp_path / "root")
    result = run(pipeline, root=tmp_path / "root", only="after")
    assert result.run.exit_code == exit_codes.VERDICT_FAILED


def test_a_disk_that_takes_no_more(tmp_path):
    """A limit on the size of files stands for the full disk: the kernel refuses the write."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from pipeline.cli.main import call\n"
        f"words = ['run', 'digits', '--until', 'ingest', '--root', {str(tmp_path)!r}]\n"
        "raise SystemExit(call(words))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True)
    assert process.returncode == exit_codes.ENVIRONMENT
    assert "penstock: environment:" in process.stderr
    assert "Traceback" not in process.stderr
    assert [p for p in tmp_path.glob("artifacts/*/*") if not p.name.endswith(".lock")] == []


def test_an_input_file_that_cannot_be_read(toy_pipeline, tmp_path):
    file = tmp_path / "numbers.txt"
    file.symlink_to(file)  # which not even root can read
    with pytest.raises(EnvironmentTrouble, match=r"numbers.txt cannot be read"):
        run(toy_pipeline(file=str(file)), root=tmp_path / "root")


def test_two_runs_that_were_killed_between_the_renames(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    first = run(toy_pipeline(), root=root)
    path = first.outputs["add"].numbers.path
    path.rename(path.parent / f".{path.name}.old")
    assert statuses(run(toy_pipeline(), root=root)) == ["cached"] * 3
    assert not list(root.glob("artifacts/*/.*.old"))


def test_what_lies_outside_the_root_is_made_again_when_it_is_gone(toy_pipeline, tmp_path):
    from pipeline.config.graph import PipelineConfig, Ref, Step

    pipeline = PipelineConfig(
        name="toy",
        steps=(
            toy_pipeline().steps[0],
            Step(
                name="outside",
                component="toy_steps:Outside",
                config=toy_steps.Outside.Config(target="x"),
                inputs={"numbers": Ref("count", "numbers")},
            ),
        ),
    )
    assert statuses(run(pipeline, root=tmp_path / "root")) == ["completed", "completed"]
    assert statuses(run(pipeline, root=tmp_path / "root")) == ["cached", "cached"]
    (tmp_path / "root" / "serving" / "mark").unlink()
    assert statuses(run(pipeline, root=tmp_path / "root")) == ["cached", "completed"]


def test_the_folder_of_a_run_tells_what_happened(toy_pipeline, tmp_path):
    result = run(toy_pipeline(), root=tmp_path / "root")
    folder = tmp_path / "root" / "runs" / result.run.id
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events] == ["planned", *["started", "ended"] * 3, "finished"]
    assert json.loads((folder / "run.json").read_text())["exit_code"] == 0


def test_two_runs_at_once_make_each_step_once(toy_pipeline, calls, tmp_path):
    pipeline = toy_pipeline(upto=5, pause=0.05)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(run(pipeline, root=tmp_path / "root")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(calls()) == ["add", "count", "judge"]
    assert len(results) == 3
    assert all(r.outputs == results[0].outputs for r in results)
    assert sorted(s for r in results for s in statuses(r)) == ["cached"] * 6 + ["completed"] * 3


def test_a_root_that_cannot_be_written_to(toy_pipeline, tmp_path):
    (tmp_path / "root").write_text("a file")
    with pytest.raises(EnvironmentTrouble, match="is not writable"):
        run(toy_pipeline(), root=tmp_path / "root")


def test_a_ledger_that_is_no_ledger(toy_pipeline, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(EnvironmentTrouble, match="cannot be used"):
        run(toy_pipeline(), root=tmp_path / "root")
