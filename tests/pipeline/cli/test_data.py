"""`penstock data` and `penstock new --images`, on small folders of real image files."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import recipes
from pipeline.cli.main import call
from pipeline.config.graph_checks import check


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of twelve images, one of another size; a text named .jpg, and a hidden file."""
    folder = tmp_path_factory.mktemp("with spaces") / "my photos"
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            height = 40 if (label, i) == ("dog", 3) else 30
            pixels = rng.integers(0, 256, (height, 30, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    (folder / "cat" / "text.jpg").write_text("not an image")
    (folder / "cat" / ".hidden").touch()
    return folder


@pytest.fixture(autouse=True)
def inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_s_name_is_taken_whole(photos, capfd) -> None:
    Path("2.1.0").symlink_to(photos)
    assert call(["data", "2.1.0", "--headers"]) == 0
    assert "penstock new my_2.1.0 --images 2.1.0" in capfd.readouterr().out


@pytest.mark.parametrize("more", [[], ["--headers"]])
def test_the_data_is_described_and_nothing_is_ingested(photos, capfd, more) -> None:
    assert call(["data", str(photos), *more]) == 0
    printed = capfd.readouterr().out
    for text in ("24 in 2 classes", "30 x 30 (23)", "40 x 30 (1)", "PNG RGB 24", "text.jpg"):
        assert text in printed
    picture = Path(".penstock/data/my photos.png")
    assert picture.is_file() == (not more)
    assert {path.name for path in Path().rglob("*") if path.is_file()} <= {picture.name}


def test_the_commands_that_are_printed_run(photos, capfd, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "recipe", raising=False)
    assert call(["data", str(photos), "--headers"]) == 0
    run, new = (
        shlex.split(line)[1:] for line in re.findall(r"penstock .*", capfd.readouterr().out)
    )
    assert run[:2] == ["run", "image_folder"]
    settings = [word for word in run[2:] if word != "--set"]
    pipeline, _ = recipes.configure("image_folder", None, settings)
    check(pipeline)
    ingest = pipeline.step("ingest").config
    assert (ingest.path, ingest.height, ingest.width, ingest.fit) == (str(photos), 32, 32, "pad")
    assert call(new) == 0
    project = Path(new[1]) / "recipe.py"
    written = recipes.build(f"{project}:recipe")
    check(written)
    assert written.step("ingest").config.max_bad_share > 0  # for the text


def test_json_has_everything(photos, capfd) -> None:
    assert call(["data", str(photos), "--json", "--out", "seen.png"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["images"] == 24
    assert facts["source"] == "image_folder"
    assert [bad["name"] for bad in facts["bad"]] == ["cat/text.jpg"]
    assert facts["picture"] == "seen.png"
    assert facts["obstacle"] is None
    with Image.open("seen.png") as picture:
        assert picture.width > 800


def test_a_picture_that_cannot_be_written_ends_the_command_only_if_it_was_asked_for(
    photos, capfd
) -> None:
    Path("file").touch()
    assert call(["data", str(photos), "--root", "file"]) == 0
    printed = capfd.readouterr()
    assert "24 in 2 classes" in printed.out
    assert "warning: no picture" in printed.err
    assert call(["data", str(photos), "--out", "file/seen.png"]) == 75


def test_settings_of_ingest_are_taken_and_repeated(photos, capfd) -> None:
    command = ["data", str(photos), "--headers", "--set", r"ingest.group=(\w)\w*\.\w+$"]
    assert call(command) == 0
    printed = capfd.readouterr().out
    assert "groups" in printed
    assert all(
        r"'ingest.group=(\w)\w*\.\w+$'" in line for line in re.findall(r"penstock .*", printed)
    )


def test_arrays_are_recognized_and_described(capfd) -> None:
    rng = np.random.default_rng(0)
    images = {f"x_{s}": rng.integers(0, 256, (30, 8, 8), np.uint8) for s in ("train", "test")}
    np.savez("small.npz", **images, y_train=np.arange(30) % 3, y_test=np.arange(30) % 3)
    assert call(["data", "small.npz", "--headers"]) == 0
    printed = capfd.readouterr().out
    assert "60 in 3 classes" in printed
    assert "ingest.source=npz" in printed
    settings = ["ingest.source=npz", "ingest.path=small.npz", "ingest.test_share=0"]
    check(recipes.configure("image_folder", None, settings)[0])


def test_what_is_assumed_is_said_and_stands_in_the_recipe(capfd, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "recipe", raising=False)
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3 + 1  # from 1
    images = rng.integers(0, 256, (60, 3, 8, 12), np.uint8)  # channels first
    np.savez("small.npz", x_train=images, y_train=labels)
    assert call(["data", "small.npz"]) == 0
    printed = capfd.readouterr().out
    assert "axes=CHW. Images of shape (3, 8, 12)." in printed
    assert "first_label=1. No image of 0." in printed
    assert "--set ingest.axes=CHW --set ingest.first_label=1" in printed
    assert call(["data", "small.npz", "--json", "--headers"]) == 0
    assert set(json.loads(capfd.readouterr().out)["assumed"]) == {"axes", "first_label"}
    assert call(["new", "mine", "--images", "small.npz"]) == 0
    assert "assumed: axes=CHW" in capfd.readouterr().err
    written = recipes.build("mine/recipe.py:recipe")
    check(written)
    ingest, train = (written.step(name).config for name in ("ingest", "train"))
    assert (ingest.axes, ingest.first_label, ingest.class_names) == ("CHW", 1, ("1", "2", "3"))
    assert (ingest.test_share, ingest.validation_share) == (0.2, 0.1)
    assert train.model == "dense"  # of 8 pixels
    text = Path("mine/recipe.py").read_text()
    assert "# Assumed. Images of shape (3, 8, 12)." in text
    assert call(["data", "small.npz", "--set", "ingest.axes=HWC"]) == 5


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["data", "missing"], 5, "does not exist"),
        (["data", "empty"], 5, "is no dataset"),
        (["data", "bad", "--headers"], 5, "can be read"),
        (["data", "one", "--set", "train.epochs=3"], 2, "settings of ingest alone"),
        (["data", "one", "--headers", "--out", "a.png"], 2, "omit one of them"),
        (["new", "mine", "--images", "one"], 5, "only one class"),
        (["new", "mine", "--set", "ingest.group=a"], 2, "--set needs --images"),
        (["new", "one", "--images", "one"], 2, "is not empty"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(words, code, reason, capfd) -> None:
    for folder in ("empty", "bad/cat", "bad/dog", "one/cat"):
        Path(folder).mkdir(parents=True)
    for name in ("cat", "dog"):
        Path("bad", name, "a.jpg").write_text("text")
    Image.new("RGB", (8, 8)).save("one/cat/a.png")
    assert call(words) == code
    assert reason in capfd.readouterr().err
    assert not Path("mine").exists()
