"""The report lists the files that did not become examples; their names are anybody's text."""

from __future__ import annotations

import csv
import html
from pathlib import Path

import pytest

from components.artifacts import Examples
from components.report.html.facts import Facts
from components.report.html.missing_files import list_missing_files
from components.report.html.page import render
from data.examples.artifact import LEFT_OUT, QUARANTINE
from data.spec import ImageSpec

SPEC = ImageSpec(height=4, width=4, channels=3, class_names=("a", "b"))
NASTY = "</td><script>alert(1)</script>\x1b[2J.jpg"


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def made(path: Path, bad: int = 0, left_out: int = 0) -> Examples:
    return Examples(
        path=path,
        spec=SPEC,
        counts={"train": (1, 1)},
        quarantined=bad,
        left_out=left_out,
        note="store encoded: the pixels are 9.1 times the bytes of the files",
    )


def rendered(examples: Examples) -> str:
    run = {"run_id": "r", "pipeline": "p", "status": "failed", "started": 0.0}
    return render(Facts(**run, examples=examples))


def test_bad_files_are_listed_with_their_reasons_and_the_rest_is_counted(tmp_path: Path) -> None:
    rows = [[f"{NASTY}{i}", "a", "it is truncated"] for i in range(25)]
    write(tmp_path / QUARANTINE, [["file", "label", "problem"], *rows])
    write(tmp_path / LEFT_OUT, [["file", "reason"], [".DS_Store", "hidden"]])
    page = rendered(made(tmp_path, bad=25, left_out=1))
    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count(html.escape("</td><script>alert(1)</script>") + "\\x1b[2J.jpg") == 20
    assert "Not among the examples: 25 bad files." in page
    assert f"The first 20; all are in <code>{tmp_path / QUARANTINE}</code>" in page
    assert "Not among the examples: 1 file left out." in page
    assert ".DS_Store" in page
    assert "Store encoded: the pixels are 9.1 times the bytes of the files." in page


@pytest.mark.parametrize("content", [None, b"\xff\xfe,a\n1,2\n", b'"' + b"x" * 200_000])
def test_a_list_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / QUARANTINE).write_bytes(content)
    (files,) = list_missing_files(made(tmp_path, bad=2))
    assert files.problem or files.rows == [["1", "2"]]
    assert "Not among the examples: 2 bad files" in rendered(made(tmp_path, bad=2))


def test_without_such_files_nothing_is_said(tmp_path: Path) -> None:
    assert list_missing_files(made(tmp_path)) == []
    assert "Not among the examples" not in rendered(made(tmp_path))
