"""What `penstock doctor` says of this machine, and what it keeps other libraries from saying."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.environment import machine
from pipeline.environment.machine import Finding, check_machine, print_findings


def test_no_library_prints_between_the_findings(tmp_path: Path, capfd) -> None:
    assert print_findings(check_machine(tmp_path / "root")) == exit_codes.DONE
    printed = capfd.readouterr()
    assert printed.err == ""
    assert {line[:6] for line in printed.out.splitlines()} == {"ok    ", "no pro"}
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("script", "cause"),
    [("import no_such_tensorflow", "No module named"), ("import os; os.abort()", "exit code -6")],
)
def test_a_tensorflow_that_fails_or_crashes_is_a_finding(monkeypatch, tmp_path, script, cause):
    monkeypatch.setattr(machine, "_LIST_GPUS", script)
    *_, last = check_machine(tmp_path)
    assert (last.good, last.what) == (False, "TensorFlow")
    assert cause in last.result
    assert "import tensorflow" in last.remedy


@pytest.mark.parametrize(
    ("count", "line"), [(0, "no problems found"), (1, "1 problem found"), (2, "2 problems found")]
)
def test_the_last_line_counts_the_problems(capsys, count: int, line: str) -> None:
    bad = Finding(False, "disk", "no space", "free some")
    code = print_findings([Finding(True, "Python", "3.11"), *[bad] * count])
    assert code == (exit_codes.ENVIRONMENT if count else exit_codes.DONE)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == line
    assert printed[1:-1] == count * [
        f"FAIL  {'disk':<26} no space",
        f"      {'do:':<26} free some",
    ]
