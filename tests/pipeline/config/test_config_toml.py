"""A printed config says what each key means, and reads back as the same config."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest

from data.base.field_meanings import field_meanings
from pipeline import recipes
from pipeline.config.config_toml import to_toml
from pipeline.config.graph import PipelineConfig, Step
from pipeline.config.graph_checks import check
from pipeline.config.overrides import apply_overrides, apply_settings


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_every_recipe_holds_together_and_its_config_reads_back(name):
    pipeline = recipes.build(name)
    if name == "image_folder":  # has no dataset of its own
        pipeline = apply_settings(pipeline, ["ingest.path=/photographs"])
    check(pipeline)
    text = to_toml(pipeline, pipeline)
    assert '"none"' not in text.replace('baseline = "none"', "")
    assert apply_overrides(pipeline, tomllib.loads(text)) == pipeline


@pytest.mark.parametrize(
    "settings",
    [
        ["ingest.version=none", "ingest.path=/data"],
        ["train.model_options={units = 64, deep = {er = [1, 2]}}", "train.epochs=1"],
        ["evaluate.thresholds=[{metric = 'loss', at_most = 1.5}]", "evaluate.allowed.alone=0.5"],
        ["evaluate.thresholds=[]", "train.profile_steps=[1, 2]", "seed=3"],
        ["evaluate.against={baseline = 'a', untrusted = {b = 'c'}}"],
        ["train.class_weights={'T-shirt/top' = 2.0, '\"' = 3.0}", "train.callbacks=['a:b']"],
    ],
)
def test_what_is_set_over_a_recipe_reads_back_over_the_recipe(settings):
    recipe = recipes.build("mnist")
    changed = apply_settings(recipe, settings)
    assert changed != recipe
    assert apply_overrides(recipe, tomllib.loads(to_toml(changed, recipe))) == changed


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int | None = 3
    """Pixels."""
    table: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    path: str | None = None
    """Where the data lies: a file, or a folder with files in it, which may hold more folders; a
    relative path counts from the working folder."""
    inner: Inner = Inner()
    """What is inside."""
    many: tuple[Inner, ...] = ()
    size: int = 1
    """How many."""
    unsaid: str | None = None


def toy(**values: Any) -> PipelineConfig:
    return PipelineConfig(
        name="toy", steps=(Step(name="a", component="", config=Config(**values)),)
    )


def test_the_meaning_stands_above_the_key_and_a_key_without_a_value_is_a_comment():
    inner = Inner(width=None, table={"x": 1})
    name, seed = (field_meanings(PipelineConfig)[name] for name in ("name", "seed"))
    pipeline = toy(inner=inner, many=(inner,))
    assert to_toml(pipeline, pipeline, {"runner": "FlinkRunner"}) == (
        f"""\
# {name}
name = "toy"
# {seed}
seed = 0

[a]
# Where the data lies: a file, or a folder with files in it, which may hold more
# folders; a relative path counts from the working folder.
#path =
many = [
    {{ width = "none", table = {{ x = 1 }} }},
]
# How many.
size = 1
#unsaid =

# What is inside.
[a.inner]
# Pixels.
#width =

[a.inner.table]
x = 1

[beam]
runner = "FlinkRunner"
"""
    )


def test_none_is_written_where_the_recipe_has_a_value():
    recipe, changed = toy(path="/data", inner=Inner(width=5)), toy(inner=Inner(width=None))
    text = to_toml(changed, recipe)
    assert 'path = "none"' in text
    assert 'width = "none"' in text
    assert apply_overrides(recipe, tomllib.loads(text)) == changed


CONFIGS = [type(step.config) for step in recipes.build("digits").steps]


@pytest.mark.parametrize("kind", [PipelineConfig, *CONFIGS], ids=lambda kind: kind.__module__)
def test_every_setting_has_a_meaning(kind):
    names = {field.name for field in dataclasses.fields(kind)} - {"steps"}
    assert names <= field_meanings(kind).keys()
    for meaning in field_meanings(kind).values():
        assert meaning[0].isupper()
        assert meaning.endswith((".", "!"))
