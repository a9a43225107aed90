from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from data.errors import ConfigError, EnvironmentTrouble
from data.spec import ImageSpec
from serving_export.answers_csv import check_place, write_answers
from serving_export.bundle.manifest import write_manifest
from serving_export.predict import Answer, BadImage, Prediction

CLASSES = ("cat", "a,b", "ü\n")
PROBABILITIES = [float(np.float32(p)) for p in (1 / 3, 2 / 3, 1e-12)]


def answer(name: str) -> Answer:
    by_name = dict(zip(CLASSES, PROBABILITIES, strict=True))
    return Answer(name, np.zeros((1, 1, 1), np.uint8), Prediction("a,b", by_name["a,b"], by_name))


def test_every_answer_is_a_line_whatever_its_name(tmp_path: Path) -> None:
    names = ["a.jpg", "ä b,c.jpg", 'x"y.jpg', "new\nline.jpg", os.fsdecode(b"lat\xe9.jpg")]
    with write_answers(tmp_path / "answers.csv", CLASSES) as write:
        for name in names:
            write(answer(name))
        write(BadImage("bad\r.jpg", "it is empty"))
        assert not (tmp_path / "answers.csv").exists()
    text = (tmp_path / "answers.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1 + len(names) + 1
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == [
        *("file", "class", "probability", "problem"),
        *("probability_cat", "probability_a,b", r"probability_ü\n"),
    ]
    written = [row["file"] for row in rows]
    assert written == [*names[:3], r"new\nline.jpg", r"lat\udce9.jpg", r"bad\r.jpg"]
    assert {row["class"] for row in rows[:-1]} == {"a,b"}
    probabilities = [np.float32(rows[0][column]) for column in list(rows[0])[4:]]
    np.testing.assert_array_equal(probabilities, np.float32(PROBABILITIES))
    assert np.float32(rows[0]["probability"]) == probabilities[1]
    assert rows[-1]["problem"] == "it is empty"
    assert not rows[-1]["class"]
    assert list(tmp_path.iterdir()) == [tmp_path / "answers.csv"]


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("before")

    def fail() -> None:
        with write_answers(tmp_path / "answers.csv", CLASSES) as write:
            write(answer("a.jpg"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "answers.csv").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1
    with (
        pytest.raises(EnvironmentTrouble, match=r"cannot write .*answers\.csv"),
        write_answers(tmp_path / "none" / "answers.csv", CLASSES),
    ):
        pytest.fail("nothing can be written there")


def test_no_model_and_no_image_is_overwritten(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "1").mkdir(parents=True)
    write_manifest(
        model / "1", ImageSpec(height=1, width=1, channels=1, class_names=CLASSES[:2]), {}
    )
    (tmp_path / "a.jpg").touch()
    (tmp_path / "link").symlink_to(model / "1")
    for place, got in (
        (tmp_path, "a folder"),
        (tmp_path / "a.jpg", "one of the images"),
        (model / "answers.csv", "the folder of a model"),
        (model / "1" / "variables" / "answers.csv", "the folder of a model"),
        (tmp_path / "link" / "answers.csv", "the folder of a model"),
    ):
        with pytest.raises(ConfigError) as caught:
            check_place(place, model, [tmp_path / "a.jpg"])
        assert got in str(caught.value.got)
        assert str(place) in caught.value.what
    check_place(tmp_path / "answers.csv", model, [tmp_path / "a.jpg"])
