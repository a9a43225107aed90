"""What a run that Python code started shows of itself."""

from __future__ import annotations

import re
import sys
import types
from typing import Any

import pytest

from data.errors import BadDataError
from pipeline.execution import progress
from pipeline.execution.events import (
    RunPlanned,
    StepPlan,
    StepProgress,
    StepStarted,
    StepWarning,
)
from pipeline.execution.progress import ProgressDisplay
from pipeline.run import run


class FakeHandle:
    """Jupyter's handle of an output that can be updated."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(bundle["text/plain"])


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> FakeHandle:
    handle = FakeHandle()

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        return handle

    shell = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    return handle


def test_a_run_prints_a_line_for_each_step_on_stderr(toy_pipeline, tmp_path, capfd):
    result = run(toy_pipeline(), root=tmp_path / "root")
    out, err = capfd.readouterr()
    assert out == ""
    (made,) = {execution.status for execution in result.executions}
    assert re.sub(r"\d+\.\d s", "0.0 s", err).splitlines() == [
        f"run {result.run.id}, steps to run: 3, cached: 0",
        f"✓ count  {made}, 0.0 s",
        f"✓ add    {made}, 0.0 s",
        f"✓ judge  {made}, 0.0 s  passed",
        f"run {result.run.status}",
    ]
    run(toy_pipeline(), root=tmp_path / "root")
    assert ", steps to run: 0, cached: 3" in capfd.readouterr().err


def test_it_prints_nothing_when_told_so(toy_pipeline, tmp_path, capfd):
    run(toy_pipeline(), root=tmp_path / "root", progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_step_that_failed_is_shown(toy_pipeline, tmp_path, capfd):
    with pytest.raises(BadDataError):
        run(toy_pipeline(status="bad data"), root=tmp_path / "root")
    last = capfd.readouterr().err.splitlines()[-2:]
    assert last[0].startswith("✗ judge  failed, ")
    assert last[1] == "run failed"


def test_a_shell_of_ipython_without_a_kernel_gets_lines(jupyter, monkeypatch, capfd):
    del sys.modules["IPython"].get_ipython().kernel
    ProgressDisplay().emit(StepWarning(step="count", message="few"))
    assert jupyter.shown == []
    assert "count" in capfd.readouterr().err


def test_a_long_step_is_shown_again_and_again_in_its_own_line(jupyter, monkeypatch, capfd):
    now = [0.0]
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    display = ProgressDisplay()
    train = StepPlan(name="train", fingerprint="f", cached=False)
    display.emit(RunPlanned(run_id="r", steps=(train,)))
    display.emit(StepStarted(step="train"))
    for done in range(12):
        now[0] += 0.125
        display.emit(StepProgress(step="train", done=done, total=20, detail="loss\x1b[1m"))
    display.emit(StepWarning(step="train", message="few images"))
    assert [shown.splitlines()[1:] for shown in jupyter.shown] == [
        [],
        ["… train   15%  loss\\x1b[1m"],
        ["… train   35%  loss\\x1b[1m"],
        ["… train   55%  loss\\x1b[1m"],
        ["! train  warning: few images"],
    ]
    assert capfd.readouterr() == ("", "")
