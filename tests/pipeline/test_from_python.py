"""Penstock from Python, as docs/own-code.md shows it to a notebook's user: the blocks run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "own-code.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "printed"), [*zip(BLOCKS, ("passed\n", "1,406 train, 391 test"), strict=True)]
)
def test_the_page_s_python_runs(block, printed, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(PAGE), "exec"), {"__name__": "__main__"})
    assert printed in capfd.readouterr().out


@pytest.mark.slow
def test_a_new_project_runs_as_it_is(tmp_path, monkeypatch, capfd):
    from pipeline.cli import call

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    assert call(["new", "flowers"]) == 0
    assert call(["run", "./flowers/recipe.py:recipe", "--set", "train.epochs=3"]) == 0
    assert "PASSED" in capfd.readouterr().out
    assert (tmp_path / ".penstock/serving/shapes/1/saved_model.pb").is_file()
    file = tmp_path / "flowers" / "network.py"  # one's own code is part of what a step depends on
    file.write_text(file.read_text().replace("127.5", "255"))
    from pipeline import fingerprint

    fingerprint._digest_source.cache_clear()
    assert call(["run", "./flowers/recipe.py:recipe", "--set", "train.epochs=3"]) == 0
    told = capfd.readouterr().err
    assert re.search(r"normalize +run +code network\.py", told)
    assert re.search(r"ingest +reuse", told)
