"""`penstock report`: a run's report out of its ledger and artifacts."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data.files.durable_files import read_json, write_json
from pipeline import exit_codes, recipes
from pipeline.cli.main import call, penstock
from pipeline.config.config_toml import to_toml
from pipeline.config.overrides import apply_overrides, read_toml
from pipeline.inspection.run_report import collect_facts, write_report
from pipeline.run import run
from pipeline.storage.ledger import Ledger

HEAVY = {"tensorflow", "apache_beam", "tensorflow_model_analysis", "keras", "scipy", "matplotlib"}


def report(root: Path, *words: str, run_id: str = "latest") -> int:
    return call(["report", run_id, "--root", str(root), *words])


def text_of(file: Path) -> str:
    """What the page shows, without its elements."""
    body = file.read_text(encoding="utf-8").partition("<body>")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


def blocks(file: Path) -> list[str]:
    """The contents of <pre>: the config and the commands."""
    found = re.findall(r"<pre.*?><code>(.*?)</code>", file.read_text(encoding="utf-8"), re.DOTALL)
    return [html.unescape(block) for block in found]


def test_the_report_of_a_run_is_written_beside_it(root, capfd):
    assert report(root) == exit_codes.DONE
    (file,) = root.glob("runs/*/report.html")
    assert capfd.readouterr().out == f"{file}\n"
    text = text_of(file)
    verdict = read_json(next(root.glob("artifacts/evaluate/*/verdict.json")))
    assert f"Run {file.parent.name}" in text
    assert "✓ Passed" in text
    for rule in verdict["rules"]:
        assert rule["name"] in text
        assert rule["reason"] in text
    assert verdict["model"]["digest"] in text
    assert verdict["data"]["digest"] in text
    assert "1,406 train, 391 test" in text
    assert "examples: ingest.examples" in text
    assert "pushed as version 1" in text
    page = file.read_text(encoding="utf-8")
    assert page.count("data:image/png") == len(verdict["worst"])
    assert page.count('<figure class="plot">') >= 3  # reliability, loss, accuracy
    assert not list(file.parent.glob(".*.tmp"))


def test_the_report_goes_where_it_is_told_to(finished_root, tmp_path, capfd):
    file = tmp_path / "deep" / "my report.html"
    before = sorted(finished_root.rglob("*"))
    assert report(finished_root, "--output", str(file)) == exit_codes.DONE
    assert capfd.readouterr().out == f"{file}\n"
    assert "Penstock" in text_of(file)
    assert report(finished_root, "--output", str(file)) == exit_codes.DONE  # over the old one
    assert sorted(finished_root.rglob("*")) == before


def test_what_went_wrong_is_told_as_by_other_commands(root, tmp_path, capfd):
    assert report(root, run_id="nonsense") == exit_codes.BAD_CONFIG
    assert "no run 'nonsense'" in capfd.readouterr().err
    assert report(tmp_path / "nothing") == exit_codes.BAD_CONFIG
    assert "nothing ran in" in capfd.readouterr().err
    (tmp_path / "file").write_text("")
    assert report(root, "--output", str(tmp_path / "file" / "x.html")) == exit_codes.ENVIRONMENT
    assert "cannot be written to" in capfd.readouterr().err
    verdict = next(root.glob("artifacts/evaluate/*/verdict.json"))
    write_json(verdict, {**read_json(verdict), "schema_version": 1})
    assert report(root) == exit_codes.BAD_DATA
    assert "schema_version 4" in capfd.readouterr().err
    verdict.write_text("{")
    assert report(root) == exit_codes.BAD_DATA
    assert "is not JSON" in capfd.readouterr().err


def test_what_is_deleted_is_left_out_and_said(root, tmp_path):
    def text() -> str:
        assert report(root, "--output", str(tmp_path / "r.html")) == exit_codes.DONE
        return text_of(tmp_path / "r.html")

    shutil.rmtree(root / "artifacts" / "ingest")
    assert "the examples were deleted" in text()
    history = next(root.glob("artifacts/train/*/model/history.json"))
    write_json(history, {**read_json(history), "schema_version": 99})
    assert "history.json was written by another version of Penstock: schema_version 99." in text()
    history.unlink()
    assert "There is no history of a training" in text()
    shutil.rmtree(root / "artifacts")
    for events in root.glob("runs/*/events.jsonl"):
        events.unlink()
    last = text()
    assert "No verdict" in last
    assert "evaluate.verdict" in last  # the ledger remembers


def test_a_run_of_some_steps_has_a_report_of_what_they_did(root, tmp_path, capfd):
    words = ["--only", "evaluate", "--root", str(root)]
    assert call(["run", "digits", *words]) == exit_codes.DONE
    file = tmp_path / "r.html"
    assert report(root, "--output", str(file)) == exit_codes.DONE
    assert "✓ Passed" in text_of(file)
    assert file.read_text().count("data:image/png") > 0
    assert any("--until evaluate" in block for block in blocks(file))


def test_a_run_that_failed_says_where(toy_pipeline, tmp_path):
    root, file = tmp_path / "root", tmp_path / "missing.txt"
    file.write_text("not a number")
    with pytest.raises(ValueError, match="invalid literal"):
        run(toy_pipeline(file=str(file)), root=root)
    with Ledger(root) as ledger:
        text = text_of(write_report(root, ledger, "latest"))
    assert "No verdict" in text
    assert "count: ValueError" in text
    assert "where toy lies" in text


def test_the_config_of_the_report_is_that_of_the_run(finished_root, tmp_path):
    report(finished_root, "--output", str(tmp_path / "r.html"))
    (tmp_path / "run.toml").write_text(blocks(tmp_path / "r.html")[0])
    recipe = recipes.build("digits")
    again = apply_overrides(recipe, read_toml(tmp_path / "run.toml"))
    assert to_toml(again, recipe) == to_toml(recipe, recipe)


def test_the_commands_of_the_report_parse(finished_root, tmp_path):
    report(finished_root, "--output", str(tmp_path / "r.html"))
    lines = blocks(tmp_path / "r.html")[-1].splitlines()
    assert len(lines) == 3
    for line in lines:
        program, name, *words = shlex.split(line)
        assert program == "penstock"
        penstock().commands[name].make_context(name, words)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_the_last_command_judges_the_same_model_to_the_same_verdict(
    root_of_seeds, tmp_path, capfd, monkeypatch
):
    root = root_of_seeds
    words = ["run", "digits", "--set", "seed=1", "--root", str(root)]
    assert call(words) == exit_codes.DONE
    assert report(root, "--output", str(tmp_path / "r.html")) == exit_codes.DONE
    text = text_of(tmp_path / "r.html")
    assert "compared with version 1" in text
    assert "Right before, wrong now" in text
    monkeypatch.chdir(tmp_path)
    config, commands = blocks(tmp_path / "r.html")
    Path("run.toml").write_text(config)
    (_, *again) = shlex.split(commands.splitlines()[-1])
    assert "--baseline" in again
    capfd.readouterr()
    assert call([*again, "--json"]) == exit_codes.DONE
    judged = json.loads(capfd.readouterr().out)
    verdict = read_json(
        max(root.glob("artifacts/evaluate/*/verdict.json"), key=lambda p: p.stat().st_mtime)
    )
    for numbers in ("metrics", "paired"):
        mine, theirs = judged[numbers], verdict[numbers]
        assert mine.keys() == theirs.keys()
        # The best version ever pushed is another's to know: here it is the baseline, once more.
        assert all(mine[name] == theirs[name] for name in mine if name != "best")


@pytest.mark.slow
def test_a_push_by_hand_and_its_reason_stand_on_top(root, tmp_path):
    words = ["--override", "accuracy overall", "--reason", "a <b>drill</b>", "--by", "ana"]
    where = ["--root", str(root), "--serving", str(tmp_path / "other")]
    assert call(["push", "latest", *where, *words]) == exit_codes.DONE
    report(root, "--output", str(tmp_path / "r.html"))
    text = text_of(tmp_path / "r.html")
    assert "Pushed against the verdict by ana: “a <b>drill</b>”" in text
    with Ledger(root) as ledger:
        facts = collect_facts(root, ledger, "latest")
    assert facts.override
    assert facts.override["rules"] == ["accuracy overall"]
    assert facts.push == {
        "pushed": True,
        "version": 1,
        "served_path": str(tmp_path / "other" / "digits" / "1"),
    }


def test_the_report_loads_no_library_that_it_does_not_use(finished_root, tmp_path):
    code = (
        "import sys; from pipeline.cli.main import call; code = call(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    words = ["report", "latest", "--root", str(finished_root), "--output", str(tmp_path / "r.html")]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert "jinja2" in done.stderr.split()
    assert not HEAVY & set(done.stderr.split())
