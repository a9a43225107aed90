from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from data.errors import ConfigError
from data.files.durable_files import read_json
from pipeline import recipes
from pipeline.config.graph_checks import check
from pipeline.config.overrides import apply_settings
from pipeline.image_classifier import Allowed, Threshold, variant
from pipeline.recipes.digits import digits
from pipeline.run import run

# Accuracy on the official test split after one epoch, and on the first 2,000 of it after as many
# epochs of 10,000 images: far below what any seed reached.
TUTORIALS = {
    "mnist": (0.93, 0.75, 1),
    "mnist_first_contact": (0.94, 0.70, 1),
    "mnist_from_scratch": (0.30, 0.15, 12),
    "fashion_first": (0.78, 0.65, 1),
    "fashion_basic": (0.78, 0.65, 1),
}


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_a_recipe_is_short_and_says_how_to_run_it(name: str) -> None:
    recipe = recipes.find(name)
    assert len(inspect.getsource(recipe).splitlines()) < 30
    assert f"penstock run {name}" in (inspect.getdoc(recipe) or "")


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_trains_on_all_images(name: str) -> None:
    pipeline = recipes.build(name)
    assert pipeline.step("ingest").config.validation_share == 0
    assert pipeline.step("train").config.augmentation == {}


def test_a_variant_is_a_call_and_what_is_different() -> None:
    mine = variant(digits(), "mine", train={"epochs": 3, "model_options": {"units": 64}})
    check(mine)
    train, export = (mine.step(name).config for name in ("train", "export"))
    assert (mine.name, export.model_name, train.epochs) == ("mine", "mine", 3)
    assert train.model_options == {"units": 64}
    assert mine.step("ingest") == digits().step("ingest")
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        variant(digits(), "mine", train={"epohcs": 3})


def test_a_variant_takes_rules_as_a_recipe_writes_them() -> None:
    rules = (Threshold(metric="accuracy", at_least=0.9),)
    mine = variant(digits(), "mine", evaluate={"thresholds": rules, "allowed": Allowed(alone=0.1)})
    evaluate = mine.step("evaluate").config
    assert (evaluate.thresholds, evaluate.allowed) == (rules, Allowed(alone=0.1))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that recipes on the same data ingest and normalize it once."""
    return tmp_path_factory.mktemp("tutorials")


@pytest.mark.torture
@pytest.mark.parametrize(("name", "floors"), TUTORIALS.items())
def test_a_tutorial_learns_in_one_epoch(name, floors, root: Path, request) -> None:
    data = request.getfixturevalue("fashion_dir" if "fashion" in name else "mnist_dir")
    train_tutorial(name, data, root, epochs=1, examples=10_000, floor=floors[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "floors"), TUTORIALS.items())
def test_a_tutorial_learns_from_a_part_of_the_images(name, floors, root: Path, request) -> None:
    data = request.getfixturevalue("fashion_part" if "fashion" in name else "mnist_part")
    train_tutorial(name, data, root, epochs=floors[2], examples=2000, floor=floors[1])


def train_tutorial(
    name: str, data: Path, root: Path, *, epochs: int, examples: int, floor: float
) -> None:
    settings = ["ingest.source=idx", f"ingest.path={data}", f"train.epochs={epochs}"]
    pipeline = apply_settings(recipes.build(name), settings)
    verdict = run(pipeline, root=root, last="evaluate").verdict
    assert verdict
    overall = read_json(verdict.path / "verdict.json")["metrics"]["candidate"]["overall"]
    assert overall["examples"] == examples
    assert overall["accuracy"] > floor
