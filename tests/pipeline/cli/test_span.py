from __future__ import annotations

from pathlib import Path

import idx_files
import numpy as np
import pytest

from pipeline import recipes
from pipeline.cli.main import call
from pipeline.config.overrides import apply_settings
from pipeline.exit_codes import BAD_CONFIG, BAD_DATA
from pipeline.run import run
from pipeline.spans.store import SpanStore
from pipeline.storage.database import Database
from pipeline.storage.ledger import Ledger


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """Settings of a recipe with three spans, two of them in a window."""
    labels = np.arange(8) % 2
    for span in ("8", "9", "10"):
        images = np.full((8, 4, 4, 1), int(span), np.uint8)
        idx_files.write_idx(tmp_path / f"span-{span}", (images, labels), (images, labels))
    found = ("source=idx", f"path={tmp_path}/span-{{SPAN}}", "window=2")
    return [f"ingest.{setting}" for setting in found]


@pytest.fixture
def span(tmp_path: Path, settings, capsys, monkeypatch):
    """A function that calls `penstock span …` and gives exit code and output."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words: str) -> tuple[int, str]:
        sets = [word for setting in settings for word in ("--set", setting)]
        code = call(["span", *words, "digits", *sets, "--root", str(tmp_path / "root")])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return invoke


def rows(out: str) -> list[list[str]]:
    lines = [line.split() for line in out.splitlines()]
    return [words for words in lines if words and words[0].isdigit()]


def test_spans_are_listed_before_anything_ran(span, tmp_path) -> None:
    code, out = span("list")
    assert code == 0
    assert out.startswith(f"{tmp_path}/span-{{SPAN}}")
    assert rows(out) == [["8", "usable"], ["9", "usable"], ["10", "usable"]]
    assert not (tmp_path / "root").exists()


def test_the_newest_are_listed_and_how_many_are_older(span) -> None:
    code, out = span("list", "--last", "2")
    assert (code, [row[0] for row in rows(out)]) == (0, ["9", "10"])
    assert out.endswith("not listed: 1 older; to list all, use --last 3\n")
    assert "older" not in span("list", "--last", "3")[1]
    assert span("list", "--last", "0")[0] == BAD_CONFIG


def test_temporary_names_are_told(span, tmp_path) -> None:
    for name in ("span-11.part", "span-12.tmp"):
        (tmp_path / name).mkdir()
    code, out = span("list")
    assert code == 0
    assert [row[0] for row in rows(out)] == ["8", "9", "10"]
    assert out.endswith(
        "left out because their names are temporary or hidden: span-11.part, span-12.tmp\n"
    )


def test_one_look_at_the_ledger_is_enough_for_all_spans(span, settings, tmp_path, monkeypatch):
    pipeline = apply_settings(recipes.build("digits"), [*settings, "ingest.window=all"])
    run(pipeline, root=tmp_path / "root", last="ingest")
    opened = []
    init = Database.__init__
    monkeypatch.setattr(
        Database,
        "__init__",
        lambda self, *a, **k: (opened.append(type(self)), init(self, *a, **k))[1],
    )
    assert [row[2] for row in rows(span("list")[1])] == ["16"] * 3
    assert opened == [Ledger, SpanStore]


def test_what_is_ingested_shows_its_images(span, settings, tmp_path) -> None:
    pipeline = apply_settings(recipes.build("digits"), settings)
    run(pipeline, root=tmp_path / "root", last="ingest")
    listed = rows(span("list")[1])
    assert [row[:3] for row in listed] == [
        ["8", "usable"],
        ["9", "usable", "16"],
        ["10", "usable", "16"],
    ]
    assert len(listed[1]) == 5  # and day and time


def test_a_span_is_excluded_and_included_again(span) -> None:
    words = ("--reason", "labels [shuffled]", "--by", "ana")
    code, out = span("exclude", "9", *words)
    assert (code, out) == (0, "span 9 is excluded by ana: labels [shuffled]\n")
    assert "excluded" in rows(span("list")[1])[1]
    assert "by ana: labels [shuffled]" in span("list")[1]
    assert span("exclude", "9", "--reason", "other", "--by", "bo")[0] == 0
    assert "by bo: other" in span("list")[1]
    assert span("include", "9") == (0, "span 9 is included again\n")
    assert rows(span("list")[1])[1] == ["9", "usable"]


def test_mistakes_are_named(span, tmp_path) -> None:
    code, out = span("exclude", "11", "--reason", "x", "--by", "ana")
    assert code == BAD_CONFIG
    assert "no span '11'" in out
    assert "'10'" in out
    code, out = span("include", "9")
    assert code == BAD_CONFIG
    assert "span '9' is neither excluded nor unreadable" in out
    code, out = span("exclude", "9", "--reason", " ", "--by", "ana")
    assert code == BAD_CONFIG
    assert "needs a reason" in out
    assert not (tmp_path / "root").exists()


def test_a_recipe_without_a_pattern(capsys, tmp_path) -> None:
    assert call(["span", "list", "digits", "--root", str(tmp_path)]) == BAD_CONFIG
    assert "has no spans" in capsys.readouterr().err


def test_nothing_that_fits(capsys, tmp_path) -> None:
    sets = ["--set", "ingest.source=idx", "--set", f"ingest.path={tmp_path}/{{SPAN}}"]
    assert call(["span", "list", "digits", *sets, "--root", str(tmp_path)]) == BAD_DATA
    assert "no file or folder matches the pattern" in capsys.readouterr().err


def test_what_a_run_refuses_is_not_called_usable(capsys, tmp_path) -> None:
    (tmp_path / "day-1").mkdir()
    (tmp_path / "day-1" / "t10k-images-idx3-ubyte").touch()
    words = ["mnist", "--set", f"ingest.path={tmp_path}/day-{{SPAN}}", "--root", str(tmp_path)]
    told = []
    for command in (["span", "list"], ["span", "exclude", "1", "--reason", "why"], ["run"]):
        assert call([*command, *words]) == BAD_CONFIG
        told.append(capsys.readouterr().err)
    assert "the source 'tfds' cannot use ingest.path" in told[0]
    assert told[0] == told[1] == told[2]


def test_of_the_only_schedule_or_one_by_name(settings, capsys, tmp_path, monkeypatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    sets = [word for setting in settings for word in ("--set", setting)]

    def penstock(*words: str) -> tuple[int, str]:
        code = call([*words, "--root", "root"])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    assert penstock("schedule", "add", "digits", "--every", "1d", "--name", "one", *sets)[0] == 0
    assert penstock("span", "exclude", "9", "--reason", "why not")[0] == 0
    assert penstock("schedule", "add", "digits", "--every", "1d", "--name", "two", *sets)[0] == 0
    code, out = penstock("span", "list")
    assert code == BAD_CONFIG
    assert "the schedules one, two" in out
    assert rows(penstock("span", "list", "--schedule", "two")[1])[1][:2] == ["9", "excluded"]
    assert "did you mean 'one'" in penstock("span", "list", "--schedule", "on")[1]
    assert penstock("span", "list", "digits", "--schedule", "one")[0] == BAD_CONFIG
