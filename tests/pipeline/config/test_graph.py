from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from data.errors import ConfigError
from pipeline import recipes
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.config.graph_checks import check, select


def changed(pipeline: PipelineConfig, step: str, /, **changes) -> PipelineConfig:
    steps = tuple(
        dataclasses.replace(s, **changes) if s.name == step else s for s in pipeline.steps
    )
    return dataclasses.replace(pipeline, steps=steps)


def test_a_pipeline_that_holds_together_passes(toy_pipeline):
    assert check(toy_pipeline()) is None


@pytest.mark.parametrize(
    ("step", "changes", "message"),
    [
        ("judge", {"inputs": {}}, "the input 'numbers' is missing"),
        ("judge", {"inputs": {"number": Ref("add", "numbers")}}, "did you mean 'numbers'"),
        ("judge", {"inputs": {"numbers": Ref("ad", "numbers")}}, "did you mean 'add'"),
        ("judge", {"inputs": {"numbers": Ref("add", "number")}}, "did you mean 'numbers'"),
        ("judge", {"inputs": {"numbers": (Ref("add", "numbers"),)}}, "expected: Numbers"),
        ("add", {"inputs": {"many": Ref("count", "numbers")}}, "a list of Numbers"),
        ("add", {"inputs": {"many": (Ref("judge", "verdict"),)}}, "no earlier step 'judge'"),
        ("add", {"component": "toy_steps:Ad"}, "did you mean 'Add'"),
        (
            "add",
            {"component": "no_such_module"},
            "cannot import 'no_such_module', needed for the step 'add'",
        ),
        ("add", {"component": "json"}, "is not a component"),
        ("add", {"config": None}, "config of another component"),
        ("add", {"name": "count"}, "two steps named 'count'"),
    ],
)
def test_what_does_not_hold_together_is_said_before_anything_runs(
    toy_pipeline, step, changes, message
):
    with pytest.raises(ConfigError, match=message):
        check(changed(toy_pipeline(), step, **changes))


@pytest.mark.parametrize(
    ("step", "values", "message"),
    [
        ("evaluate", {"slices": "source"}, "expected a list, got 'source' at evaluate.slices"),
        ("ingest", {"class_names": "abcdefghij"}, "expected a list, got 'abcdefghij'"),
        ("train", {"shuffle": "no"}, "expected bool, got 'no' at train.shuffle"),
        ("train", {"epochs": 1.5}, "expected int, got 1.5 at train.epochs"),
        ("train", {"device": "tpu"}, "got 'tpu' at train.device"),
        ("train", {"epochs": True}, "expected int, got True at train.epochs"),
    ],
)
def test_a_recipe_s_values_are_held_to_their_types(step, values, message):
    pipeline = recipes.build("digits")
    config = dataclasses.replace(pipeline.step(step).config, **values)
    with pytest.raises(ConfigError, match=message):
        check(changed(pipeline, step, config=config))


def test_what_is_equal_to_a_value_of_the_type_is_taken():
    pipeline = recipes.build("digits")
    config = dataclasses.replace(
        pipeline.step("train").config, learning_rate=np.float64(0.1), callbacks=["a:b"]
    )
    check(changed(pipeline, "train", config=config))


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "-x", "a b"])
def test_a_name_that_could_lead_elsewhere(toy_pipeline, name):
    with pytest.raises(ConfigError, match="invalid pipeline name"):
        check(dataclasses.replace(toy_pipeline(), name=name))


def test_an_input_of_another_type_is_refused(toy_pipeline):
    judge = toy_pipeline().steps[-1]
    second = Step(
        name="second",
        component="toy_steps:Judge",
        config=judge.config,
        inputs={"numbers": Ref("judge", "verdict")},
    )
    pipeline = dataclasses.replace(toy_pipeline(), steps=(*toy_pipeline().steps, second))
    with pytest.raises(ConfigError, match="expected: Numbers\n  got:      Verdict"):
        check(pipeline)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["count", "add", "judge"]),
        ({"only": "add"}, ["add"]),
        ({"first": "add"}, ["add", "judge"]),
        ({"last": "add"}, ["count", "add"]),
        ({"first": "add", "last": "add"}, ["add"]),
    ],
)
def test_select(toy_pipeline, asked, names):
    assert [s.name for s in select(toy_pipeline(), **asked)] == names


@pytest.mark.parametrize(
    "asked",
    [{"only": "add", "last": "judge"}, {"first": "judge", "last": "count"}, {"only": "nothing"}],
)
def test_select_refuses(toy_pipeline, asked):
    with pytest.raises(ConfigError):
        select(toy_pipeline(), **asked)
