"""The notebook of the documentation, executed in a clean process without network or display."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import notebook_cells
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorials" / "notebook.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_says(tmp_path):
    out = tmp_path / "cells.jsonl"
    command = [sys.executable, notebook_cells.__file__, str(NOTEBOOK), str(out)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = [json.loads(line) for line in out.read_text().splitlines()]
    (started, result, cached, metrics, *_, model, drawn) = cells

    assert not started["matplotlib"]
    assert not model["matplotlib"]  # nor does any other cell before it
    assert drawn["matplotlib"]
    assert re.search(r"run \S+-digits-\w{4}, steps to run: 5, cached: 0", done.stderr)
    assert len(re.findall(r"^✓ \w+ +\w+, +\d+\.\d s ", done.stderr, re.MULTILINE)) == 5
    assert "cached: 5" not in done.stderr  # progress=False

    for shown, status in ((result, "completed"), (cached, "cached")):
        lines = shown["repr"].splitlines()
        assert len(lines) < 12
        assert all(len(line) <= 140 for line in lines)
        assert "verdict='passed'" in shown["repr"]
        assert f"'train': '{status}'" in shown["repr"]
    assert "'accuracy': 0.9" in metrics["repr"]

    train, test, answered, report = done.stdout.splitlines()
    assert "shape=(8, 8, 1), dtype=tf.uint8" in train
    assert "shape=(), dtype=tf.int64" in train
    assert train.endswith("1406")
    assert "shape=(8, 8, 1), dtype=tf.uint8" in test
    assert test.endswith("391")
    assert answered.startswith("(100, 10) 0.9")
    assert Path(tmp_path, report).is_file()
