"""10,000 classes, three models and 11 slices, from TFRecords to the verdict, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).parents[3] / "support" / "many_classes.py"
HOME = Path(__file__).parents[4]
CLASSES = 10_000


@pytest.mark.slow
def test_10_000_classes_take_less_than_a_gib(tmp_path: Path) -> None:
    words = [sys.executable, str(CHILD), str(tmp_path), str(CLASSES), "2000"]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    grown = float(done.stdout.split()[-1])
    assert grown < 1024
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["data"]["examples"] == 2000
    assert len(verdict["metrics"]["best"]["classes"]) == CLASSES
    assert len(verdict["metrics"]["candidate"]["slices"]) == 11
    # A table of classes by classes would be 100 million numbers.
    assert verdict["confusion"] == {"candidate": None, "baseline": None}
    assert len(verdict["confusions"]) == 24
