"""`penstock predict` on files and folders; on stored images: tests/pipeline/inspection."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import exit_codes
from pipeline.cli.main import call

pytestmark = pytest.mark.slow


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of good and bad images, with a file and a folder that are none."""
    folder = tmp_path / "scans"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("a.png", "deep/b.png", "c.png"):
        Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(folder / name)
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(folder / "large.png")
    (folder / "new\nline.jpg").write_bytes(b"hello")
    (folder / "notes.txt").touch()
    return folder


def predict(root: Path, *words: object) -> int:
    return call(["predict", "digits", *map(str, words), "--root", str(root)])


def test_a_bad_file_is_a_row_with_its_reason(finished_root, scans, tmp_path, capfd) -> None:
    out = tmp_path / "answers.csv"
    assert predict(finished_root, scans, scans / "a.png", "--out", out) == exit_codes.BAD_DATA
    told = capfd.readouterr()
    assert told.out == f"answers  {out}\n"
    assert r"new\nline.jpg: it is no JPEG or PNG" in told.err
    assert "large.png: it is not 8 wide and 8 high, and fit is exact" in told.err
    assert "left out  1 hidden, 1 not an image: .txt" in told.err
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    good = [row for row in rows if not row["problem"]]
    names = [Path(row["file"]).name for row in rows]
    assert names == ["a.png", "c.png", "b.png", "large.png", r"new\nline.jpg", "a.png"]
    assert [Path(row["file"]).name for row in good] == ["a.png", "c.png", "b.png", "a.png"]
    assert {row["class"] for row in good} == {good[0]["class"]}  # the same pixels in all
    assert float(good[0][f"probability_{good[0]['class']}"]) == float(good[0]["probability"])

    assert predict(finished_root, scans, "--json") == exit_codes.BAD_DATA
    answers: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    assert [a["problem"] is None for a in answers] == [True, True, True, False, False]
    assert answers[0]["probabilities"].keys() == set("0123456789")
    assert answers[3]["class"] is None

    chart = tmp_path / "chart.png"
    assert predict(finished_root, scans, "--chart", chart) == exit_codes.BAD_DATA
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["image", "class", "probability", "next", "problem"]
    assert lines[-1] == f"chart  {chart}"
    assert len(lines) == 1 + 5 + 1
    assert chart.exists()
    chart.unlink()
    assert predict(finished_root, scans / "large.png", "--chart", chart) == exit_codes.BAD_DATA
    assert "no chart: no image was answered" in capfd.readouterr().out
    assert not chart.exists()


def test_good_files_alone_are_exit_code_0(finished_root, scans, tmp_path, capfd) -> None:
    out = tmp_path / "answers.csv"
    assert predict(finished_root, scans / "deep", "--out", out, "--json") == exit_codes.DONE
    told = capfd.readouterr()
    (answer,) = json.loads(told.out)
    (row,) = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert row["class"] == answer["class"]
    assert not told.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere.png"], exit_codes.BAD_DATA, "nowhere.png does not exist"),
        (["scans/.hidden"], exit_codes.BAD_DATA, "no images in scans/.hidden"),
        (["scans", "--out", "scans"], exit_codes.BAD_CONFIG, "a folder"),
        (["scans", "--out", "scans/a.png"], exit_codes.BAD_CONFIG, "one of the images"),
        (["scans", "--chart", "scans/a.png"], exit_codes.BAD_CONFIG, "one of the images"),
        (["scans", "--out", "no/answers.csv"], exit_codes.ENVIRONMENT, "cannot write no/answers"),
        (["--index", "0", "--out", "a.csv"], exit_codes.BAD_CONFIG, "--out needs IMAGE files"),
    ],
)
def test_what_cannot_work_is_told_before_a_model_is_loaded(
    words, code, told, finished_root, scans, monkeypatch, capfd
) -> None:
    monkeypatch.chdir(scans.parent)
    monkeypatch.setattr(
        "serving_export.predict._load", lambda *_: pytest.fail("the model was loaded")
    )
    assert predict(finished_root, *words) == code
    assert told in capfd.readouterr().err
    assert not (scans.parent / "a.csv").exists()
