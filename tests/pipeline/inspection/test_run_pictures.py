"""Pictures of a run, and `penstock predict` on the examples of a model, by the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from data.errors import BadDataError
from data.examples.artifact import load_examples
from data.examples.read_images import read_images
from pipeline.cli.main import call
from pipeline.execution.result import RunResult
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.run import run
from pipeline.storage.ledger import Ledger

ALL = ["examples.png", "image.png", "learning_curves.png", "prediction.png", "predictions.png"]


def first_run(root: Path) -> Path:
    """The folder of the run that made everything."""
    return min((root / "runs").iterdir())


def test_a_run_without_examples_or_model_draws_nothing(toy_pipeline, tmp_path):
    result = run(toy_pipeline(), root=tmp_path / "root")
    assert write_report_and_pictures(result).pictures == ((), ())
    assert not list((tmp_path / "root").rglob("pictures"))


def test_what_is_there_is_not_made_again(root):
    """As where somebody attaches once more to a run that was submitted."""
    with Ledger(root) as ledger:
        (first,) = ledger.runs()
        executions = ledger.executions(first.id)
    result = RunResult(root=root, run=first, executions=executions, outputs={})
    drawn = write_report_and_pictures(result)
    assert drawn.report == first_run(root) / "report.html"
    assert [file.name for file in drawn.pictures.files] == ALL
    assert write_report_and_pictures(result) == drawn


def test_a_run_leaves_its_pictures_in_its_folder(finished_root):
    files = sorted((first_run(finished_root) / "pictures").iterdir())
    assert [file.name for file in files] == ALL
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert min(image.size) > 100


@pytest.mark.slow
def test_a_run_of_some_steps_draws_what_there_is_and_says_where(tmp_path, capfd):
    root = tmp_path / "root"
    assert call(["run", "digits", "--until", "ingest", "--root", str(root)]) == 0
    drawn = first_run(root) / "pictures"
    assert f"pictures  {drawn}" in capfd.readouterr().out
    assert sorted(file.name for file in drawn.iterdir()) == ALL[:2]
    assert call(["run", "digits", "--until", "ingest", "--root", str(root)]) == 0
    assert "pictures" not in capfd.readouterr().out  # all was reused


@pytest.mark.slow
def test_a_picture_that_cannot_be_drawn_is_a_warning_and_no_more(root, capfd, monkeypatch):
    def unreadable(path):  # since Evaluate has read its bytes
        raise BadDataError(f"{path} is not JSON")

    monkeypatch.setattr("components.report.pictures.album.read_document", unreadable)
    words = ["run", "digits", "--force", "evaluate", "--root", str(root)]
    assert call(words) == 0
    out = capfd.readouterr().out
    assert "warning   learning_curves.png could not be drawn" in out
    assert "is not JSON" in out
    drawn = max((root / "runs").iterdir()) / "pictures"
    assert sorted(file.name for file in drawn.iterdir()) == [n for n in ALL if "curves" not in n]


@pytest.mark.slow
def test_show_copies_a_runs_pictures_or_draws_the_same_anew(root, tmp_path, capfd):
    name = first_run(root).name
    own = first_run(root) / "pictures"
    assert call(["show", name, "--pictures", str(own), "--root", str(root)]) == 0
    assert capfd.readouterr().out.splitlines() == [str(own / picture) for picture in ALL]
    for folder in ("copied", "drawn"):
        target = tmp_path / folder / "deep"
        assert call(["show", name, "--pictures", str(target), "--root", str(root)]) == 0
        listed = capfd.readouterr().out.splitlines()
        assert sorted(listed) == [str(target / picture) for picture in ALL]
        shutil.rmtree(own, ignore_errors=True)
    for picture in ALL:
        copied, drawn = (tmp_path / f / "deep" / picture for f in ("copied", "drawn"))
        assert copied.read_bytes() == drawn.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--only", "evaluate"]])
def test_show_draws_a_run_that_reused_all_or_ran_some(root, tmp_path, capfd, words):
    assert call(["run", "digits", *words, "--root", str(root)]) == 0
    capfd.readouterr()
    assert call(["show", "latest", "--pictures", str(tmp_path / "p"), "--root", str(root)]) == 0
    assert len(capfd.readouterr().out.splitlines()) == len(ALL)


def test_show_says_when_there_is_nothing_left_to_draw(root, tmp_path, capfd):
    shutil.rmtree(first_run(root) / "pictures")
    shutil.rmtree(root / "artifacts")
    assert call(["show", "latest", "--pictures", str(tmp_path / "p"), "--root", str(root)]) == 5
    assert "nothing of run" in capfd.readouterr().err
    assert call(["show", "nonsense", "--pictures", str(tmp_path), "--root", str(root)]) == 2


def test_show_into_a_folder_that_cannot_be_made(root, tmp_path, capfd):
    (tmp_path / "p").write_text("a file")
    assert call(["show", "latest", "--pictures", str(tmp_path / "p"), "--root", str(root)]) == 75
    assert "cannot be copied" in capfd.readouterr().err
    shutil.rmtree(first_run(root) / "pictures")
    assert call(["show", "latest", "--pictures", str(tmp_path / "p"), "--root", str(root)]) == 75
    assert "cannot be drawn into" in capfd.readouterr().err


@pytest.mark.slow
def test_predict_by_index_asks_about_the_stored_images_and_knows_their_class(
    finished_root, tmp_path, capfd
):
    examples = load_examples(next(finished_root.glob("artifacts/ingest/*/examples")))
    asked = [2, 0, 390, 2]
    images, labels = read_images(examples, "test", asked)
    options = [word for index in asked for word in ("--index", str(index))]
    chart = tmp_path / "chart.png"
    told = predicted(["digits", *options, "--chart", str(chart)], finished_root, capfd)
    assert told[0].split() == ["image", "class", "probability", "label", "answer", "next"]
    assert told[-1] == f"chart  {chart}"
    rows = [line.split() for line in told[1:-1]]
    assert [row[0] for row in rows] == [f"test[{index}]" for index in asked]
    assert [row[3] for row in rows] == [str(label) for label in labels]
    assert [row[4] for row in rows] == ["right" if r[1] == r[3] else "wrong" for r in rows]
    with Image.open(chart) as image:
        assert image.size[0] > image.size[1]

    files = [tmp_path / f"{i}.png" for i in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image.squeeze()).save(file)
    told = predicted(["digits", *map(str, files), "--chart", str(chart)], finished_root, capfd)
    assert told[0].split() == ["image", "class", "probability", "next"]
    assert [line.split()[1:3] for line in told[1:-1]] == [row[1:3] for row in rows]


@pytest.mark.slow
def test_predict_by_index_takes_the_split_that_is_named(finished_root, capfd):
    words = ["digits", "--index", "1405", "--split", "train"]
    told = predicted(words, finished_root, capfd)
    assert told[1].startswith("train[1405]  ")
    bundle = next(finished_root.glob("artifacts/train/*/model/bundle"))
    assert predicted([str(bundle), *words[1:]], finished_root, capfd) == told


def predicted(words: list[str], root: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    assert call(["predict", *words, "--root", str(root)]) == 0
    return capfd.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "penstock predict digits --index 0"),
        (["a.png", "--index", "0"], 2, "not both"),
        (["a.png", "--split", "test"], 2, "--split needs --index"),
        (["--index", "391"], 2, "0 to 390: the split has 391 images"),
        (["--index", "0", "--index", "-1"], 2, "no image -1"),
        (["--index", "x"], 2, "not a valid integer"),
        (["--index", "0", "--split", "tset"], 2, "did you mean 'test'"),
        (["--index", "0"] * 61 + ["--chart", "a.png"], 2, "at most 60"),
    ],
)
def test_what_predict_cannot_answer_is_told_at_once(words, code, told, finished_root, capfd):
    assert call(["predict", "digits", *words, "--root", str(finished_root)]) == code
    assert told in capfd.readouterr().err


@pytest.mark.slow
def test_a_chart_that_cannot_be_written(finished_root, tmp_path, capfd):
    words = ["predict", "digits", "--index", "0", "--chart", str(tmp_path / "no" / "a.png")]
    assert call([*words, "--root", str(finished_root)]) == 75
    assert "cannot write" in capfd.readouterr().err


def test_predict_by_index_where_the_examples_are_gone_or_the_model_is_foreign(
    root, tmp_path, capfd
):
    served = str(root / "serving" / "digits")
    shutil.rmtree(root / "artifacts" / "ingest")
    assert call(["predict", served, "--index", "0", "--root", str(root)]) == 5
    assert "were deleted" in capfd.readouterr().err
    with Ledger(tmp_path):  # an empty one, of another root
        pass
    assert call(["predict", served, "--index", "0", "--root", str(tmp_path)]) == 5
    assert "no run in" in capfd.readouterr().err
    assert call(["predict", served, "--index", "0", "--root", str(tmp_path / "none")]) == 2
    assert "nothing ran in" in capfd.readouterr().err


def test_the_ledger_knows_what_a_model_came_out_of(finished_root):
    with Ledger(finished_root) as ledger:
        (found,) = ledger.runs()
        steps = {e.step: e for e in ledger.executions(found.id)}
        train = steps["train"].fingerprint
        _, facts = ledger.artifacts(train)["model"]
        assert ledger.model(facts["digest"]) == train
        assert ledger.model("0" * 64) is None
        assert ledger.upstream(train) == [
            steps["ingest"].fingerprint,
            steps["normalize"].fingerprint,
        ]
        assert set(ledger.upstream(steps["export"].fingerprint)) == {
            execution.fingerprint for name, execution in steps.items() if name != "export"
        }
        assert ledger.component(train) == "components.train"
        assert ledger.component("0") is None
