"""The recipe of a new project is a pipeline that can run, with the numbers of the images."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.ingest import Config
from data.errors import BadDataError, ConfigError
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.graph_checks import check
from pipeline.inspection.dataset.choose import choose_settings
from pipeline.inspection.dataset.look import Look
from pipeline.inspection.dataset.project import write_project
from pipeline.inspection.dataset.survey import BadFile, Survey


def see(counts: dict[str, dict[str, int]], bad: int = 0, **settings: Any) -> Look:
    """A look at a dataset of 100 x 100 pixels: split → class → number of images."""
    names = tuple(sorted({name for split in counts.values() for name in split}))
    survey = Survey(class_names=names, counts={k: Counter(v) for k, v in counts.items()})
    survey.sizes[100, 100] = sum(map(sum, (split.values() for split in counts.values())))
    survey.bad = [BadFile(f"{i}.jpg", "it is\ntruncated") for i in range(bad)]
    config = Config(source="image_folder", path="/photos", **settings)
    config, why = choose_settings(config, {*settings}, survey, of_files=True)
    return Look(config, why, (), survey, decoded=True, of_files=True)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    path = [*sys.path]

    def build(seen: Look, name: str = "mine") -> tuple[PipelineConfig, str]:
        monkeypatch.setattr(sys, "path", [*path])
        monkeypatch.delitem(sys.modules, "recipe", raising=False)
        files = write_project(seen, tmp_path / name)
        assert [file.name for file in files] == ["README.md", "recipe.py"]
        pipeline = recipes.build(f"{tmp_path / name / 'recipe.py'}:recipe")
        check(pipeline)
        return pipeline, files[1].read_text()

    return build


def test_a_folder_without_splits_is_cut_and_judged_class_by_class(make) -> None:
    pipeline, text = make(see({"": {"cat": 300, "dog": 500}}))
    ingest, train, evaluate = (pipeline.step(n).config for n in ("ingest", "train", "evaluate"))
    assert (ingest.source, ingest.path) == ("image_folder", "/photos")
    assert ingest.class_names == ("cat", "dog")
    assert (ingest.height, ingest.width, ingest.fit) == (64, 64, "pad")
    assert (ingest.test_share, ingest.validation_share, ingest.max_bad_share) == (0.2, 0.1, None)
    assert train.model == "conv"
    chance = 500 / 800
    floors = {rule.on: rule.at_least for rule in evaluate.thresholds}
    assert chance < floors["overall"] < 1
    assert 0 < floors["each class"] < floors["overall"]
    assert {rule.on for rule in evaluate.paired} == {"overall", "each class"}
    assert "800 images of 2 classes" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_splits_of_the_data_are_kept(make) -> None:
    splits = {name: {"cat": 100, "dog": 100} for name in ("train", "validation", "test")}
    ingest = make(see(splits))[0].step("ingest").config
    assert (ingest.test_share, ingest.validation_share) == (0, 0)
    del splits["validation"]
    ingest = make(see(splits), "other")[0].step("ingest").config
    assert (ingest.test_share, ingest.validation_share) == (0, 0.1)


def test_few_images_have_no_rule_for_each_class(make) -> None:
    evaluate = make(see({"": {"cat": 60, "dog": 40}}))[0].step("evaluate").config
    rules = (*evaluate.thresholds, *evaluate.paired)
    assert {rule.on for rule in rules} == {"overall"}
    assert evaluate.min_examples <= 20 * 0.2 * 100 / 20
    assert [rule.against for rule in evaluate.paired] == ["baseline", "best"]


def test_bad_files_may_be_left_out_but_not_many_more(make) -> None:
    pipeline, text = make(see({"": {"cat": 500, "dog": 495}}, bad=5))
    assert 0.005 < pipeline.step("ingest").config.max_bad_share <= 0.01
    assert "0.jpg (it is truncated)" in text


def test_settings_of_the_user_stand_in_the_recipe(make) -> None:
    seen = see({"": {"cat": 500, "dog": 500}}, group=r"(\w+)_\d+\.jpg$", background=(255, 0, 0))
    ingest = make(seen)[0].step("ingest").config
    assert (ingest.group, ingest.background) == (r"(\w+)_\d+\.jpg$", (255, 0, 0))
    seen = see({"": {"cat": 500, "dog": 500}}, height=48, width=32, fit="crop", test_share=0.3)
    ingest = make(seen, "other")[0].step("ingest").config
    assert (ingest.height, ingest.width, ingest.fit, ingest.test_share) == (48, 32, "crop", 0.3)


def test_settings_that_contradict_one_another_are_refused() -> None:
    with pytest.raises(ConfigError, match="width must be set as well"):
        see({"": {"cat": 500, "dog": 500}}, height=48)


@pytest.mark.parametrize(
    "names",
    [
        ("a'b", 'a"b', "\\", "a\nb", "\u202eabc", "é\u0301", '"""', "'\"", "{}", "PROJECT"),
        tuple(f"class {i}" for i in range(50)),
    ],
)
def test_any_names_of_classes_stand_in_the_recipe(make, names) -> None:
    ingest = make(see({"": dict.fromkeys(names, 50)}))[0].step("ingest").config
    assert sorted(ingest.class_names) == sorted(names)


def test_very_many_classes_are_not_listed(make) -> None:
    seen = see({"": {f"c{i:05}": 30 for i in range(10_000)}})
    pipeline, text = make(seen)
    assert pipeline.step("ingest").config.class_names is None
    assert len(text) < 5000


@pytest.mark.parametrize(("images", "epochs"), [(50, 60), (2062, 40), (100_000, 10)])
def test_fewer_images_are_seen_more_often(make, images: int, epochs: int) -> None:
    pipeline = make(see({"": {"cat": images // 2, "dog": images - images // 2}}))[0]
    assert pipeline.step("train").config.epochs == epochs


def test_what_cannot_be_trained_is_refused_with_the_reason(tmp_path: Path) -> None:
    for counts, reason in (
        ({"": {"cat": 9, "dog": 0}}, "have one class"),
        ({"test": {"cat": 9, "dog": 9}}, "have no train split"),
    ):
        with pytest.raises(BadDataError, match=reason):
            write_project(see(counts), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
