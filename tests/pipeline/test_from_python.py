"""A new project, called from Python as from the command line; docs/own-code.md has the rest."""

from __future__ import annotations

import re
import sys

import pytest


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
