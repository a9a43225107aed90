"""What a survey found, in words: a person learns what to look at before training."""

from __future__ import annotations

from collections import Counter

from components.ingest import Config
from data.sources.file_source import LeftOut
from pipeline.inspection.dataset.choose import choose_settings
from pipeline.inspection.dataset.describe import (
    collect_facts,
    describe,
    find_obstacle,
    find_problems,
)
from pipeline.inspection.dataset.look import Look
from pipeline.inspection.dataset.survey import BadFile, Duplicate, Survey


def see(survey: Survey) -> Look:
    config = Config(source="image_folder", path="photos")
    config, why = choose_settings(config, set(), survey, of_files=True)
    return Look(config, why, (), survey, decoded=True, of_files=True)


def make_survey() -> Survey:
    """A survey of 2 x 20 images in which nothing is wrong."""
    survey = Survey(class_names=("cat", "dog"), counts={"": Counter(cat=20, dog=20)})
    survey.sizes[100, 120] = 40
    survey.formats["JPEG RGB"] = 40
    return survey


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    seen = see(make_survey())
    assert list(find_problems(seen.survey)) == []
    assert find_obstacle(seen) is None
    lines = describe(seen)
    assert lines["bad files"] == "none"
    assert lines["duplicates"].startswith("none")
    assert not lines["left out"]


def test_each_problem_is_named_with_its_files() -> None:
    survey = make_survey()
    survey.counts = {"train": Counter(cat=20, dog=15), "test": Counter(cat=5)}
    survey.counts["train"]["bird"] = 3
    survey.class_names = ("bird", "cat", "dog")
    survey.duplicates = [
        Duplicate(("train/cat/1", "train/dog/1"), ("cat", "dog"), ("train",)),
        Duplicate(("train/cat/2", "test/cat/2"), ("cat",), ("test", "train")),
    ]
    survey.groups["ana"].update(train=2, test=1)
    survey.groups["bo"].update(train=2)
    assert list(find_problems(survey)) == [
        "the same image is in several classes: train/cat/1 = train/dog/1",
        "the same image is in several splits: train/cat/2 = test/cat/2",
        "one group is in several splits: ana",
        "fewer than 10 images of a class: bird",
        "no image of a class in the split test: bird; dog",
    ]


def test_long_lists_end_with_how_many_more_and_names_stay_on_one_line() -> None:
    survey = make_survey()
    survey.bad = [BadFile(f"a\n{i}.jpg", "it is truncated") for i in range(8)]
    survey.left_out = [LeftOut(".hidden", "hidden")]
    lines = describe(see(survey))
    assert lines["bad files"].startswith(r"8: a\n0.jpg: it is truncated; ")
    assert lines["bad files"].endswith("; and 3 more")
    assert lines["left out"] == "1: .hidden (hidden)"
    assert not any("\n" in line for line in lines.values())


def test_the_facts_are_complete_however_many() -> None:
    survey = make_survey()
    survey.bad = [BadFile(f"{i}.jpg", "it is empty") for i in range(100)]
    facts = collect_facts(see(survey))
    assert len(facts["bad"]) == 100
    assert facts["classes"] == {"cat": {"all": 20}, "dog": {"all": 20}}
    assert facts["sizes"]["median"] == (100, 120)
    assert facts["settings"][0] == "ingest.path=photos"


def test_data_without_a_test_split_says_what_to_do() -> None:
    survey = make_survey()
    survey.counts = {"train": Counter(cat=20), "validation": Counter(dog=20)}
    obstacle = find_obstacle(see(survey))
    assert obstacle is not None
    assert "no test split" in obstacle
    assert "rename one of the folders to test" in obstacle
