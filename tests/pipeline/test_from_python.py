"""Penstock from Python, as docs/own-code.md shows it to a notebook's user: the blocks run."""

from __future__ import annotations

import json
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
@pytest.mark.parametrize(
    "settings",
    [
        ["train.train_fn=mine:train_fn"],
        ["train.augmentation_fn=mine:noise", "train.sample_weight_fn=mine:bright_counts_more"],
        ["train.callbacks=['mine:LogsLoss']"],
    ],
)
def test_the_training_page_s_own_code_runs(settings, tmp_path, monkeypatch, capfd):
    from pipeline.cli.main import call

    page = PAGE.with_name("training.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    words = [word for setting in settings for word in ("--set", setting)]
    assert all(setting in page for setting in settings)
    assert call(["run", "digits", "--until", "train", "--set", "train.epochs=3", *words]) == 0
    (history,) = tmp_path.glob(".penstock/artifacts/train/*/model/history.json")
    losses = json.loads(history.read_text())["loss"]
    assert losses[2] < losses[0]


@pytest.mark.slow
def test_a_new_project_runs_as_it_is(tmp_path, monkeypatch, capfd):
    from pipeline.cli.main import call

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    assert call(["new", "flowers"]) == 0
    assert call(["run", "./flowers/recipe.py:recipe", "--set", "train.epochs=3"]) == 0
    assert "PASSED" in capfd.readouterr().out
    assert (tmp_path / ".penstock/serving/shapes/1/saved_model.pb").is_file()
    file = tmp_path / "flowers" / "network.py"  # one's own code is part of what a step depends on
    file.write_text(file.read_text().replace("127.5", "255"))
    from pipeline.planning import fingerprint

    fingerprint._digest_source.cache_clear()
    assert call(["run", "./flowers/recipe.py:recipe", "--set", "train.epochs=3"]) == 0
    told = capfd.readouterr().err
    assert re.search(r"normalize +run +code network\.py", told)
    assert re.search(r"ingest +reuse", told)
