from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluate import Config, rules
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, tally_batch
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.rules import DEFAULT_PAIRED, METRICS, Allowed, Change, Paired, Threshold
from components.evaluate.verdict import judge
from data.files.documents import SCHEMAS
from pipeline import recipes
from pipeline.config.overrides import apply_overrides

NAMES = ("cat", "dog", "owl")
DOCS = Path(__file__).parents[3] / "docs"
PAGE = "".join(
    (DOCS / page).read_text(encoding="utf-8")
    for page in ("explanation/gate.md", "how-to/gate.md", "reference/verdict.md")
)
ABOUT = {"data": {"digest": "d"}, "code": {"penstock": "1"}}
EVERYTHING = Config(
    thresholds=(
        Threshold(metric="accuracy", at_least=0.5),
        Threshold(metric="ece", at_most=0.9),
        Threshold(metric="f1", at_least=0.1, on="each place"),
    ),
    changes=(Change(metric="loss", worse_by_at_most=2.0),),
    slices=("place",),
)


def measured(images: int = 90) -> Measurements:
    """Three models, slices, every fact known."""
    random = np.random.default_rng(0)
    labels = np.arange(images) % 3
    answers = {}
    for name in (CANDIDATE, BASELINE, BEST):
        shares = np.exp(random.normal(size=(images, 3)) + 2 * np.eye(3)[labels])
        answers[name] = shares / shares.sum(axis=1, keepdims=True)
    places = np.arange(images)
    halves = {f"place={half}": places % 2 == half for half in range(2)}
    return Measurements(
        split="test",
        class_names=NAMES,
        tally=tally_batch(labels, places, answers),
        slices={
            name: tally_batch(labels[of], places[of], {m: a[of] for m, a in answers.items()})
            for name, of in halves.items()
        },
        facts=SanityFacts(
            parity=0.0, transform=0.0, trained_on=0, replaced=(1, 3), changed_weights=0
        ),
        baseline=Reference(digest="b" * 64, version=3),
        best=Reference(digest="c" * 64, version=2),
    )


def keys(value: Any, names: frozenset[str]) -> Iterator[str]:
    """All keys of nested dicts but those that the data name."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key not in names and not re.fullmatch(r"place=\d|\d+", key):
                yield key
            yield from keys(below, names)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from keys(one, names)


def test_every_key_of_the_verdict_is_documented() -> None:
    verdict = judge(measured(), EVERYTHING, "m" * 64, ABOUT)
    _, table = PAGE.split("## verdict.json, schema ")
    assert table.startswith(str(SCHEMAS["verdict.json"]))
    found = set(keys(verdict, frozenset(NAMES) | ABOUT["code"].keys()))
    words = {word for row in re.findall(r"`([\w.]+)`", table) for word in row.split(".")}
    assert found <= words, found - words


def test_every_rule_and_setting_is_documented() -> None:
    for name in (*rules.SANITY, rules.COMPARABLE, rules.NOT_REPLACED):
        assert f"`{name}`" in PAGE
    for rule in rules.DEFAULT_PAIRED:
        assert f"`{rule.name}`" in PAGE
        assert f"{rule.margin * 100:g} points" in PAGE
    for metric in METRICS:
        assert f"`{metric}`" in PAGE or metric.startswith("top_")
    for config in (Config, Threshold, Change, Paired, Allowed):
        for field in dataclasses.fields(config):
            if field.name not in ("against", "split"):
                assert re.search(rf"\b{field.name}\b", PAGE), field.name


def test_what_the_page_shows_is_a_config() -> None:
    (python,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, Any] = {}
    exec(python.replace("\nEvaluate(", "\nfound = Evaluate("), known)
    assert known["found"].allowed == Allowed(unpredicted_classes=1)
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    pipeline = apply_overrides(recipes.build("digits"), tomllib.loads(toml))
    config: Any = pipeline.step("evaluate").config
    assert config.thresholds == (Threshold(metric="accuracy", at_least=0.97),)
    assert config.paired == (Paired(margin=0.01, on="each brightness"),)


def test_a_verdict_is_json_whatever_was_measured() -> None:
    good = measured()
    labels = np.array([0, 1] * 30)
    bad = np.full((60, 3), np.nan)
    broken = Measurements(
        split="test",
        class_names=NAMES,
        tally=tally_batch(labels, np.arange(60), {CANDIDATE: bad, BASELINE: bad}),
        facts=SanityFacts(parity=float("nan"), transform=float("inf")),
        baseline=Reference(digest="b" * 64, version=3),
    )
    for found in (good, broken):
        verdict = judge(found, EVERYTHING, "m" * 64, ABOUT)
        text = json.dumps(verdict, allow_nan=False)
        assert json.loads(text)["status"] == "failed"
        assert len(verdict["reasons"]) == sum(
            one["status"] in ("failed", "not enough data") for one in verdict["rules"]
        )
    assert verdict["metrics"]["candidate"]["overall"]["loss"] is None
    assert verdict["worst"][0]["predicted"] == 3  # none of the three


def test_the_data_are_suspect_by_slices_too_and_not_for_too_few_images() -> None:
    floor = Config(
        thresholds=(Threshold(metric="accuracy", at_least=0.99, on="place=1"),), slices=("place",)
    )
    serves = Reference(digest="b" * 64, met=frozenset([("accuracy place=1", "at least 0.99")]))
    found = dataclasses.replace(measured(), baseline=serves)
    words = judge(found, floor, "m", ABOUT)["suspect_the_data"]
    assert "accuracy place=1" in words
    few = dataclasses.replace(floor, min_examples=60)
    assert judge(found, few, "m", ABOUT)["suspect_the_data"] is None


def alone(of_all: Measurements, **references: Reference) -> Measurements:
    """What is measured where there is nothing to compare with."""
    labels = np.arange(45) % 3
    return dataclasses.replace(
        of_all,
        tally=tally_batch(labels, np.arange(45), {CANDIDATE: np.eye(3)[labels]}),
        facts=SanityFacts(),
        baseline=None,
        best=references.get("best"),
    )


def test_a_comparison_with_nobody_asks_for_no_images() -> None:
    of_all = measured(images=45)  # 15 of each class, of 20 needed
    floor = Config(thresholds=(Threshold(metric="accuracy", at_least=0.9),))
    verdict = judge(alone(of_all), floor, "m" * 64, ABOUT)
    assert (verdict["status"], verdict["reasons"]) == ("passed", [])
    compared = [one for one in verdict["rules"] if one["kind"] in ("paired", "best")]
    assert {one["status"] for one in compared} == {"not applicable"}
    assert compared[-1]["reason"] == "no version was pushed before"
    assert [one["at"] for one in compared] == ["overall", "each class", "overall"]
    # With a baseline, each class has too few.
    assert "not enough data" in {one["status"] for one in judge(of_all, floor, "m", ABOUT)["rules"]}


def test_a_best_that_cannot_be_asked_fails_its_rules_and_says_what_to_do() -> None:
    """It was passed over: who lost the best version lost what held the next ones."""
    trouble = "version 2 cannot be evaluated: it is damaged"
    best = Reference(digest="c" * 64, version=2, trouble=trouble, whole=False)
    every = Paired(margin=0.3, against="best", on="each class")
    config = Config(
        thresholds=(Threshold(metric="accuracy", at_least=0.9),), paired=(*DEFAULT_PAIRED, every)
    )
    verdict = judge(alone(measured(images=45), best=best), config, "m" * 64, ABOUT)
    failed = {one["name"]: one for one in verdict["rules"] if one["status"] == "failed"}
    assert failed.keys() == {"not worse than best overall", "not worse than best each class"}
    for name, outcome in failed.items():
        assert trouble in outcome["reason"]
        assert f"--override '{name}'" in outcome["reason"]
    assert verdict["best"] == {
        "digest": "c" * 64,
        "version": 2,
        "comparable": False,
        "whole": False,
        "why": trouble,
    }
    without = dataclasses.replace(config, paired=())
    assert judge(alone(measured(images=45), best=best), without, "m", ABOUT)["status"] == "passed"


@pytest.mark.parametrize("model", [CANDIDATE, BASELINE, BEST])
def test_numbers_of_slices_add_up_to_those_of_all(model: str) -> None:
    verdict = judge(measured(), EVERYTHING, "m" * 64, ABOUT)
    found = verdict["metrics"][model]
    for group in ("classes", "slices"):
        parts = found[group].values()
        right = sum(part["examples"] * part["accuracy"] for part in parts)
        loss = sum(part["examples"] * part["loss"] for part in parts)
        overall = found["overall"]
        assert sum(part["examples"] for part in parts) == overall["examples"]
        assert right / overall["examples"] == pytest.approx(overall["accuracy"])
        assert loss / overall["examples"] == pytest.approx(overall["loss"])
    if model != CANDIDATE:
        paired = verdict["paired"][model]
        for group in ("classes", "slices"):
            for key, number in paired["overall"].items():
                assert sum(table[key] for table in paired[group].values()) == number
