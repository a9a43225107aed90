"""Wrong usage ends with exit code 2 and a message that names what to type instead."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cli.main import call

RECIPES = """
from pipeline.image_classifier import Ingest, PipelineConfig, Step


def own_evaluate():
    step = Step(name="evaluate", component="components.ingest", config=Ingest())
    return PipelineConfig(name="own", steps=(step,))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with recipes in mine.py."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # the folder is put there
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(RECIPES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_ROOT", str(tmp_path / "root"))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("predict m --index 0 --trust", ["--index", "--trust"]),
        ("predict m --split test seven.png", ["--split", "--index"]),
        ("predict m --index 0 --out answers.csv", ["--out", "--index"]),
        ("span exclude 7 --set a=b --reason r --by b", ["--set", "RECIPE"]),
        ("span exclude 7 digits --schedule nightly --reason r --by b", ["RECIPE", "--schedule"]),
        ("schedule add --runner=FlinkRunner digits --every 1d", ["--runner"]),
        ("run digits --only train", ["train", "--from ingest", "--only"]),
        ("run digits --until ingest --force train", ["--force train"]),
        ("run digits --only train --from ingest", ["--only", "--from"]),
        ("gate --candidate m --examples e --trust other", ["--trust other", "penstock trust"]),
        (
            "gate --candidate m --examples e --recipe ./mine.py:own_evaluate",
            ["evaluate", "--config"],
        ),
    ],
)
def test_options_that_do_not_go_together(words, told, folder, capfd):
    assert call(words.split()) == 2
    said = capfd.readouterr().err
    assert all(text in said for text in told), said
    assert not list((folder).glob("root/artifacts/*/[0-9a-f]*"))


def test_a_schedule_without_spans_has_no_past_to_run(folder, capfd):
    assert call(["schedule", "add", "digits", "--every", "1d"]) == 0
    assert call(["schedule", "backfill", "digits", "--from", "1", "--to", "2"]) == 2
    assert "spans" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--override", "no such rule"], ["no such rule", "accuracy overall", "all"]),
        (["--override", "accuracy overall"], ["reason", '--reason "…"']),
    ],
)
def test_a_push_by_hand_needs_a_rule_of_the_verdict_and_a_reason(words, told, root, capfd):
    assert call(["push", "latest", "--root", str(root), *words]) == 2
    said = capfd.readouterr().err
    assert all(text in said for text in told), said


def test_a_run_without_export_cannot_be_pushed_by_hand(root, capfd):
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE runs SET config = json_remove(config, '$.export')")
    assert call(["push", "latest", "--root", str(root)]) == 2
    assert "components.export" in capfd.readouterr().err


@pytest.mark.parametrize("lost", ["", "verdict.json"])
def test_a_run_whose_verdict_is_gone_or_damaged_cannot_be_pushed_by_hand(lost, root, capfd):
    for artifact in root.glob("artifacts/evaluate/[0-9a-f]*"):
        if lost:
            (artifact / lost).write_text("{}")
        else:
            shutil.rmtree(artifact)
    assert call(["push", "latest", "--root", str(root)]) == 5
    assert "run the recipe again" in capfd.readouterr().err
