from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.errors import ConfigError
from pipeline import recipes
from pipeline.config.convert import to_plain
from pipeline.config.overrides import apply_overrides, apply_settings, read_toml
from pipeline.image_classifier import Allowed, Change, Paired, Threshold, variant


@pytest.mark.parametrize(
    ("setting", "step", "key", "value"),
    [
        ("train.epochs=3", "train", "epochs", 3),
        ("train.learning_rate=1", "train", "learning_rate", 1.0),
        ("train.learning_rate=none", "train", "learning_rate", None),
        ("train.optimizer=sgd", "train", "optimizer", "sgd"),
        ("ingest.version=3.0.1", "ingest", "version", "3.0.1"),
        ("ingest.path=7", "ingest", "path", "7"),
        ("ingest.path=/a=b", "ingest", "path", "/a=b"),
        ("ingest.class_names=['a', 'b']", "ingest", "class_names", ("a", "b")),
        ("ingest.class_names=[a, b]", "ingest", "class_names", ("a", "b")),
        ("ingest.class_names=[1,2]", "ingest", "class_names", ("1", "2")),
        ("evaluate.slices=[source]", "evaluate", "slices", ("source",)),
        ("evaluate.slices=[]", "evaluate", "slices", ()),
        ("train.model_options.units=64", "train", "model_options", {"units": 64}),
    ],
)
def test_a_setting_is_typed_from_its_field(setting, step, key, value):
    pipeline = apply_settings(recipes.build("digits"), [setting])
    assert getattr(pipeline.step(step).config, key) == value


def test_later_settings_win_and_a_config_file_stands_below_them(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("seed = 5\n[train]\nepochs = 7\nbatch_size = 16\n")
    pipeline = apply_overrides(recipes.build("digits"), read_toml(file))
    pipeline = apply_settings(pipeline, ["train.epochs=1", "train.epochs=2"])
    train = pipeline.step("train").config
    assert (pipeline.seed, train.epochs, train.batch_size) == (5, 2, 16)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.epochs=ten", "expected int, got 'ten'"),
        ("train.epochs=-1", "above 0"),
        ("train.epohcs=3", "did you mean 'epochs'"),
        ("trian.epochs=3", "did you mean 'train'"),
        ("train=3", "train is a step"),
        ("train.model=dnse", "did you mean 'dense'"),
        ("ingest.source=idxx", "did you mean 'idx'"),
        ("train.epochs", "KEY=VALUE"),
        ("seed=one", "expected int"),
        ("evaluate.slices=source", "expected a list, got 'source' at evaluate.slices"),
        ("ingest.class_names=abcdefghij", "expected a list, got 'abcdefghij'"),
        ("train.profile_steps=3", "expected a list, got 3"),
        ("train.profile_steps=[3]", "expected a list of 2"),
        ("train.model_options=64", "expected a table of keys and values, got 64"),
        ("evaluate.thresholds=[accuracy]", "expected a table of keys and values, got 'accuracy'"),
    ],
)
def test_a_setting_that_does_not_fit(setting, words):
    with pytest.raises(ConfigError, match=words):
        apply_settings(recipes.build("digits"), [setting])


def test_a_config_file_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_toml(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_toml(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnits", "did you mean 'mnist'"),
        ("./missing.py:recipe", "no recipe file"),
        ("json:dumps", "cannot be called"),
        ("os:getcwd", "does not return a pipeline"),
    ],
)
def test_a_recipe_that_is_none(name, words):
    with pytest.raises(ConfigError, match=words):
        recipes.build(name)


@pytest.mark.parametrize("many", [list, tuple])
@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("thresholds", Threshold(metric="accuracy", at_least=0.98)),
        ("changes", Change(metric="loss", worse_by_at_most=0.1)),
        ("paired", Paired(margin=0.02, against="best")),
    ],
)
def test_a_variant_takes_rules_as_objects_in_a_list_or_a_tuple(many, key, rule):
    made = variant(recipes.build("digits"), "mine", evaluate={key: many([rule])})
    assert getattr(made.step("evaluate").config, key) == (rule,)


def test_a_variant_takes_an_object_and_a_path():
    given = {"allowed": Allowed(parity=1e-4)}
    made = variant(recipes.build("digits"), "mine", evaluate=given, train={"warm_start": Path("m")})
    assert made.step("evaluate").config.allowed == Allowed(parity=1e-4)
    assert made.step("train").config.warm_start == "m"


def test_plain_values_hold_what_json_can_hold_however_deep():
    rule = Threshold(metric="accuracy", at_least=0.5)
    plain = to_plain({"a": ({"b": (rule, Path("x"))},)})
    assert json.loads(json.dumps(plain)) == plain
    assert plain["a"][0]["b"][0]["metric"] == "accuracy"
