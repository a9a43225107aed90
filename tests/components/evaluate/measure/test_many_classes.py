"""Many classes, three models and 11 slices, from TFRecords to the verdict, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).parents[3] / "support" / "many_classes.py"
HOME = Path(__file__).parents[4]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [3000, pytest.param(10_000, marks=pytest.mark.torture)])
def test_many_classes_take_less_than_a_gib(classes: int, tmp_path: Path) -> None:
    words = [sys.executable, str(CHILD), str(tmp_path), str(classes), "2000"]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    grown = float(done.stdout.split()[-1])
    assert grown < 1024
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["data"]["examples"] == 2000
    assert len(verdict["metrics"]["best"]["classes"]) == classes
    assert len(verdict["metrics"]["candidate"]["slices"]) == 11
    # 24 tables of 3,000 classes by 3,000 would take 1.7 GB.
    assert verdict["confusion"] == {"candidate": None, "baseline": None}
    assert len(verdict["confusions"]) == 24
