"""What a run in which little or nothing is to be done asks of the ledger."""

from __future__ import annotations

import collections
import time
import types
from pathlib import Path

import pytest
import toy_steps

from data.errors import BadDataError
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.execution.events import RunPlanned, StepStarted
from pipeline.run import run
from pipeline.storage.database import Database
from pipeline.storage.ledger import Ledger


@pytest.fixture
def counted(tmp_path: Path, monkeypatch):
    """A function that makes a pipeline of so many steps, runs it twice, and counts the second."""

    def count(steps: int) -> collections.Counter[str]:
        pipeline, root = counts(tmp_path / f"files of {steps}", steps), tmp_path / f"root {steps}"
        # digests of files that were written to within the last seconds are not remembered
        later = types.SimpleNamespace(time=lambda: time.time() + 60, monotonic=time.monotonic)
        monkeypatch.setattr("pipeline.storage.file_digests.time", later)
        run(pipeline, root=root)
        calls = collections.Counter[str]()
        with monkeypatch.context() as patch:
            for name in ("_reading", "_writing"):
                patch.setattr(Database, name, counting(getattr(Database, name), name, calls))
            result = run(pipeline, root=root)
        assert [e.status for e in result.executions] == ["cached"] * steps
        with Ledger(root) as ledger:
            assert ledger.executions(result.run.id) == result.executions
        return calls

    return count


def counting(method, name, calls):
    def counted(self):
        calls[name] += 1
        return method(self)

    return counted


def counts(folder: Path, steps: int) -> PipelineConfig:
    """Steps that each read a file, all of one folder."""
    folder.mkdir()
    found = []
    for number in range(steps):
        file = folder / f"{number}.txt"
        file.write_text(str(number))
        config = toy_steps.Count.Config(file=str(file))
        found.append(Step(name=f"count-{number}", component="toy_steps:Count", config=config))
    return PipelineConfig(name="toy", steps=tuple(found))


def test_cached_steps_cost_no_transaction_each(counted):
    assert counted(3) == counted(12)


class Peeking:
    """Looks into the ledger when a step begins."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.known: dict[str, list[str]] = {}
        self._run = ""

    def emit(self, event) -> None:
        match event:
            case RunPlanned():
                self._run = event.run_id
            case StepStarted():
                with Ledger(self._root) as ledger:
                    self.known[event.step] = [e.step for e in ledger.executions(self._run)]


def test_cached_steps_are_entered_before_one_begins_that_may_die(toy_pipeline, tmp_path):
    root, watcher = tmp_path / "root", Peeking(tmp_path / "root")
    run(toy_pipeline(), root=root)
    run(toy_pipeline(status="failed"), root=root, on_event=watcher.emit)
    assert watcher.known["judge"] == ["count", "add"]


def test_cached_steps_are_entered_where_a_later_one_fails(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    run(toy_pipeline(), root=root)
    with pytest.raises(BadDataError):
        run(toy_pipeline(status="bad data"), root=root)
    with Ledger(root) as ledger:
        executions = ledger.executions(ledger.runs(1)[0].id)
    assert [(e.step, e.status) for e in executions] == [
        ("count", "cached"),
        ("add", "cached"),
        ("judge", "failed"),
    ]


def test_cached_steps_are_entered_where_the_last_one_is_cached(toy_pipeline, tmp_path):
    """A step that is made, and behind it one that was made before of just this."""
    steps = [*toy_pipeline().steps]
    steps.insert(1, Step(name="again", component="toy_steps:Count", config=steps[0].config))
    pipeline = PipelineConfig(name="toy", steps=tuple(steps))
    assert isinstance(steps[2].inputs["many"], tuple)
    assert steps[2].inputs["many"][0] == Ref("count", "numbers")
    run(pipeline, root=tmp_path / "root")
    result = run(pipeline, root=tmp_path / "root", force=["count"])
    with Ledger(tmp_path / "root") as ledger:
        assert ledger.executions(result.run.id) == result.executions
