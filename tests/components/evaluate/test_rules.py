from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.evaluate import Config
from components.evaluate.measure.auc import count_bins
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, Tally, tally_batch
from components.evaluate.measure.intervals import loss_interval
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.paired_loss import fewest_images
from components.evaluate.rule_outcomes import Outcome, judge_change, judge_paired, judge_threshold
from components.evaluate.rules import (
    METRICS,
    Allowed,
    Change,
    Paired,
    Threshold,
    check_slice_features,
    check_subjects,
    slice_features,
)
from components.evaluate.verdict import decide_status, judge, judge_rules
from data.errors import ConfigError
from serving_export.parity.batch_independence import Difference

NAMES = ("zero", "one", "two", "three")
SOUND = SanityFacts(parity=0.0, transform=0.0, alone=Difference(1e-3, "alone"), trained_on=0)


def measured(
    *, wrong: dict[str, list[int]], each: int = 50, sure: float = 0.97, **more: Any
) -> Measurements:
    """Four classes of `each` images; `wrong` gives per model how many of each class it has wrong.

    The first images of a class are wrong, so that models are wrong about the same ones.
    """
    labels = np.repeat(np.arange(4), each)
    answers = {}
    for model, missed in wrong.items():
        said = labels.copy()
        for label, number in enumerate(missed):
            said[label * each : label * each + number] = (label + 1) % 4
        answers[model] = np.full((len(labels), 4), (1 - sure) / 3, np.float32)
        answers[model][np.arange(len(labels)), said] = sure
    facts = {"facts": SOUND, **more}
    for model in ({BASELINE, BEST} & wrong.keys()) - more.keys():
        facts[model] = Reference(digest=model[0] * 64, version=3)
    found = tally_batch(labels, np.arange(len(labels)), answers)
    return Measurements(split="test", class_names=NAMES, tally=found, **facts)


def with_facts(**facts: Any) -> Measurements:
    return measured(wrong=only(), facts=dataclasses.replace(SOUND, **facts))


def only(model: str = CANDIDATE, *missed: int) -> dict[str, list[int]]:
    return {model: list(missed or (0, 0, 0, 0))}


def asked(rule: Any, found: Measurements, least: int = 20) -> Outcome:
    ask: Callable[..., Outcome] = {
        Threshold: judge_threshold,
        Change: judge_change,
        Paired: judge_paired,
    }[type(rule)]
    return ask(rule, found, least)


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (Threshold(metric="accuracy", at_least=0.95), "passed"),  # inclusive: 190 of 200
        (Threshold(metric="accuracy", at_least=0.9501), "failed"),
        (Threshold(metric="accuracy", at_most=0.95), "passed"),
        (Threshold(metric="accuracy", at_most=0.9499), "failed"),
        (Threshold(metric="accuracy", at_least=0.8, on="each class"), "passed"),
        (Threshold(metric="accuracy", at_least=0.81, on="each class"), "failed"),
        (Threshold(metric="accuracy", at_least=1.0, on="zero"), "passed"),
        (Threshold(metric="recall", at_least=0.81, on="two"), "failed"),
        (Threshold(metric="precision", at_least=1.0, on="three"), "failed"),
        (Threshold(metric="f1", at_least=0.8), "passed"),
        (Threshold(metric="auc", at_least=0.8), "passed"),
        (Threshold(metric="loss", at_most=0.3), "passed"),
        (Threshold(metric="loss", at_most=0.01), "failed"),
        (Threshold(metric="ece", at_most=0.03), "passed"),
        (Threshold(metric="ece", at_most=0.01), "failed"),
        (Threshold(metric="top_2", at_least=0.9), "passed"),
        (Threshold(metric="top_2", at_least=1.0), "failed"),
    ],
)
def test_floors_and_ceilings(rule, status):
    outcome = asked(rule, measured(wrong=only(CANDIDATE, 0, 0, 10, 0)))
    assert outcome.status == status
    assert rule.needed in outcome.text
    assert status in outcome.text


def test_a_slice_that_fails_is_worse_than_one_of_too_few_images():
    whole = measured(wrong=only())
    seen = np.repeat(np.arange(3), 50)  # no image of the last class
    said = np.eye(4)[np.where(np.arange(150) < 40, 1, seen)]
    found = dataclasses.replace(
        whole, tally=tally_batch(seen, np.arange(150), {CANDIDATE: said.astype(np.float32)})
    )
    outcome = asked(Threshold(metric="accuracy", at_least=0.5, on="each class"), found)
    assert (outcome.status, outcome.at, outcome.value) == ("failed", "zero", 0.2)


def test_on_each_the_worst_is_seen_and_the_others_are_counted():
    rule = Threshold(metric="accuracy", at_least=0.95, on="each class")
    outcome = asked(rule, measured(wrong=only(CANDIDATE, 0, 10, 5, 0)))
    assert (outcome.at, outcome.value) == ("one", 0.8)
    assert outcome.interval[0] < 0.8 < outcome.interval[1]
    assert "one: 0.8000" in outcome.reason
    assert "1 more" in outcome.reason


@pytest.mark.parametrize("on", ["overall", "each class", "two"])
def test_too_few_images_are_never_a_pass(on):
    rule = Threshold(metric="accuracy", at_least=0.01, on=on)
    assert asked(rule, measured(wrong=only(), each=5), least=21).status == "not enough data"
    assert asked(rule, measured(wrong=only(), each=50)).status == "passed"


def test_a_rule_without_enough_data_fails_the_verdict_though_all_others_pass():
    all_, one = (Threshold(metric="accuracy", at_least=0.5, on=on) for on in ("overall", "two"))
    found = measured(wrong=only(), each=15)
    verdict = judge(found, Config(thresholds=(all_, one)), "m" * 64, ABOUT)
    assert [rule["status"] for rule in verdict["rules"][:2]] == ["passed", "not enough data"]
    assert failing(found, Config(thresholds=(all_, one))) == {one.name}
    (reason,) = verdict["reasons"]
    assert "15 images, 20 are needed" in reason
    assert verdict["status"] == "failed"


def test_a_slice_that_is_not_there_is_never_a_pass():
    found = measured(wrong=only())
    found = dataclasses.replace(found, slices={"source=web": found.tally})
    for on, status in (("source=web", "passed"), ("each source", "passed")):
        assert asked(Threshold(metric="accuracy", at_least=0.9, on=on), found).status == status
    for on in ("source=cam", "each span"):
        rule = Threshold(metric="accuracy", at_least=0.01, on=on)
        assert asked(rule, found).status == "not enough data"


def test_no_number_fails():
    found = measured(wrong=only(), sure=math.nan)
    for metric in ("loss", "precision", "auc"):
        for bound in ({"at_least": 0.01}, {"at_most": 0.99}):
            assert asked(Threshold(metric=metric, on="zero", **bound), found).status == "failed"


@pytest.mark.parametrize(
    ("allowed", "status"), [(0.05, "passed"), (0.049, "failed"), (0.5, "passed")]
)
def test_a_change_is_held_against_the_baseline(allowed, status):
    found = measured(wrong={CANDIDATE: [10, 0, 0, 0], BASELINE: [0, 0, 0, 0]})
    assert asked(Change(metric="accuracy", worse_by_at_most=allowed), found).status == status
    better = measured(wrong={CANDIDATE: [0, 0, 0, 0], BASELINE: [10, 0, 0, 0]})
    for metric in ("accuracy", "loss"):
        assert asked(Change(metric=metric, worse_by_at_most=0.0), better).status == "passed"


FOR_FOUR = [m for m in METRICS if not m.startswith("top_") or m in ("top_2", "top_3")]


@pytest.mark.parametrize("metric", FOR_FOUR)
def test_a_change_for_the_better_is_none_for_the_worse(metric):
    weak, strong = (
        {**only(model, 20, 10, 0, 0), **only(other)}
        for model, other in ((CANDIDATE, BASELINE), (BASELINE, CANDIDATE))
    )
    allowed = Change(metric=metric, worse_by_at_most=0.0)
    assert asked(allowed, measured(wrong=strong)).status == "passed"
    # among three of four ranks the label is in any case
    expected = "passed" if metric == "top_3" else "failed"
    assert asked(allowed, measured(wrong=weak)).status == expected


def test_without_a_baseline_a_comparison_does_not_apply():
    found = measured(wrong=only())
    for rule in (Change(metric="loss", worse_by_at_most=0.1), Paired(margin=0.01)):
        outcome = asked(rule, found)
        assert outcome.status == "not applicable"
        assert "no model serves yet" in outcome.reason
    broken = dataclasses.replace(found, baseline=Reference(digest="b", trouble="it is broken"))
    assert asked(Paired(margin=0.01), broken).reason == "it is broken"


@pytest.mark.parametrize(
    ("require", "lost", "status"),
    [
        ("not shown worse", 0, "passed"),
        ("not shown worse", 5, "passed"),  # 2.5 points of 200 images may be chance
        ("not shown worse", 20, "failed"),
        ("shown no worse", 0, "passed"),
        ("shown no worse", 5, "failed"),  # and may be not
        ("shown no worse", 20, "failed"),
    ],
)
def test_paired_rules_know_what_chance_can_do(require, lost, status):
    found = measured(wrong={CANDIDATE: [lost, 0, 0, 0], BASELINE: [0, 0, 0, 0]})
    outcome = asked(Paired(margin=0.02, require=require), found)
    assert outcome.status == status
    assert outcome.value == lost / 200
    assert outcome.interval[0] <= outcome.value <= outcome.interval[1]
    assert f"of 200 images {lost} are lost and 0 won" in outcome.reason


def test_of_several_slices_each_must_be_surer():
    # p = 0.03 for one class: enough alone, and not for the worst of four.
    found = measured(wrong={CANDIDATE: [6, 0, 0, 0], BASELINE: [0, 0, 0, 0]})
    alone, all_ = (asked(Paired(margin=0.02, on=on), found) for on in ("zero", "each class"))
    assert (alone.status, all_.status) == ("failed", "passed")
    assert all_.at == "zero"
    worse = measured(wrong={CANDIDATE: [20, 0, 0, 0], BASELINE: [0, 0, 0, 0]})
    assert asked(Paired(margin=0.02, on="each class"), worse).status == "failed"


def test_the_best_of_the_last_pushes_has_its_own_rule():
    wrong = {CANDIDATE: [20, 0, 0, 0], BASELINE: [20, 0, 0, 0], BEST: [0, 0, 0, 0]}
    found = measured(wrong=wrong)
    assert asked(Paired(margin=0.02), found).status == "passed"
    outcome = asked(Paired(margin=0.02, against="best"), found)
    assert (outcome.status, outcome.kind) == ("failed", "best")


def failing(found: Measurements, config: Config) -> set[str]:
    bad = ("failed", "not enough data")
    return {o.name for o in judge_rules(found, config) if o.status in bad}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (measured(wrong=only(CANDIDATE, 0, 50, 0, 0)), "every class predicted"),
        (measured(wrong=only(), sure=math.nan), "no NaN"),
        (measured(wrong=only(), sure=0.25), "not constant"),
        (with_facts(parity=1e-3), "parity"),
        (with_facts(parity=math.nan), "parity"),
        (with_facts(transform=0.9), "transform graph"),
        (with_facts(trained_on=1), "no image trained on"),
        (with_facts(alone=Difference(1.1e-3, "by images alone")), "same answers alone"),
        (with_facts(alone=Difference(math.nan, "by images alone")), "same answers alone"),
        (with_facts(replaced=(1, 2)), "not replaced"),
        (
            measured(wrong=only(), baseline=Reference(digest="b", trouble="it has other classes")),
            "baseline comparable",
        ),
    ],
)
def test_what_always_must_hold(found, name):
    assert name in failing(found, Config())
    assert decide_status(judge_rules(found, Config()), Config()) == "failed"


def test_classes_that_are_never_predicted_are_named():
    for missed, words in (((0, 50, 0, 50), "never predicted: one, three"), ((), "all are")):
        found = judge_rules(measured(wrong=only(CANDIDATE, *missed)), Config())
        (outcome,) = (o for o in found if o.name == "every class predicted")
        assert words in outcome.reason


def counted_as(**counts: float) -> Measurements:
    """All right, but for these counts of the candidate's answers."""
    found = measured(wrong=only())
    answers = dataclasses.replace(
        found.tally.models[CANDIDATE], **{name: np.array(count) for name, count in counts.items()}
    )
    return dataclasses.replace(
        found, tally=dataclasses.replace(found.tally, models={CANDIDATE: answers})
    )


@pytest.mark.parametrize(("off", "holds"), [(0.1, False), (0.0011, False), (0.001, True)])
def test_sums_that_are_not_1(off, holds):
    assert failing(counted_as(off_one=off), Config()) == (
        set() if holds else {"probabilities sum to 1"}
    )


@pytest.mark.parametrize(
    ("lowest", "highest", "holds"),
    [(0.0, 1.0, True), (-0.6, 1.6, False), (-0.0011, 1.0, False), (0.0, 1.0011, False)],
)
def test_probabilities_that_sum_to_1_and_are_none(lowest, highest, holds):
    found = counted_as(lowest=[lowest, 0.2, 0.2, 0.2], highest=[0.3, 0.3, highest, 0.3])
    assert failing(found, Config()) == (set() if holds else {"probabilities sum to 1"})


@pytest.mark.parametrize(("span", "holds"), [(0.9e-6, False), (1.1e-6, True)])
def test_one_class_whose_answers_differ_is_enough(span, holds):
    found = counted_as(lowest=[0.25] * 4, highest=[0.25, 0.25, 0.25 + span, 0.25])
    assert failing(found, Config()) == (set() if holds else {"not constant"})


@pytest.mark.parametrize(("version", "words"), [(3, "version 3"), (None, "the model abcabcabcabc")])
def test_what_is_compared_with_is_named(version, words):
    serves = Reference(digest="abc" * 20, version=version)
    found = measured(wrong={CANDIDATE: [0] * 4, BASELINE: [0] * 4}, baseline=serves)
    (comparable,) = (o for o in judge_rules(found, Config()) if o.name == "baseline comparable")
    assert comparable.reason == words


def test_what_is_allowed():
    never = measured(wrong=only(CANDIDATE, 0, 50, 0, 0))
    assert not failing(never, Config(allowed=Allowed(unpredicted_classes=1)))
    assert not failing(with_facts(trained_on=2), Config(allowed=Allowed(trained_on_share=0.01)))
    loose = with_facts(parity=0.01, transform=0.01, alone=Difference(0.01, "alone"))
    assert not failing(loose, Config(allowed=Allowed(parity=0.01, alone=0.01)))


def test_without_a_record_of_the_training_some_rules_do_not_apply():
    found = measured(wrong=only(), facts=SanityFacts())
    skipped = {o.name for o in judge_rules(found, Config()) if o.status == "not applicable"}
    assert {"parity", "transform graph", "no image trained on"} <= skipped
    assert not failing(found, Config())


FLOOR = (Threshold(metric="accuracy", at_least=0.5),)
ABOUT = {"data": {"digest": "d"}, "code": {"penstock": "1"}}


def test_failed_comes_before_not_configured_and_that_before_passed():
    good, bad = measured(wrong=only()), measured(wrong=only(), sure=math.nan)
    compared = measured(wrong={CANDIDATE: [0] * 4, BASELINE: [0] * 4})
    for found, config, status in (
        (good, Config(), "not configured"),
        (good, Config(thresholds=FLOOR), "passed"),
        (compared, Config(), "passed"),  # held against a model that serves
        (compared, Config(paired=()), "not configured"),
        (bad, Config(), "failed"),
        (bad, Config(thresholds=FLOOR), "failed"),
    ):
        verdict = judge(found, config, "m" * 64, ABOUT)
        assert verdict["status"] == status
        assert bool(verdict["reasons"]) == (status == "failed")
        json.dumps(verdict, allow_nan=False)


def of_classes(classes: int, each: int, lost: int, *, won: int = 0) -> Measurements:
    """`each` images of every class: of class 1 so many are lost and won, of all others none."""
    pairs = np.zeros((classes, 2, 2), np.int64)
    pairs[:, 1, 1] = each
    pairs[1] = [[0, lost], [won, each - lost - won]]
    nothing = measured(wrong={CANDIDATE: [0] * 4, BASELINE: [0] * 4})
    answers = nothing.tally.models[CANDIDATE]
    labels = np.arange(classes)
    many = dataclasses.replace(
        answers,
        **{
            key: np.stack([labels, labels * 0, *[labels * 0 + each] * sums], axis=1)
            for key, sums in (("rank_cells", 1), ("calibration_cells", 3), ("odds_cells", 1))
        },
        confusion=np.stack([labels, labels, labels * 0 + each], axis=1),
        odds=np.full((classes, count_bins(classes)), each, np.int32),
        losses=np.ones((classes, 2)),
        lowest=np.zeros(classes),
        highest=np.ones(classes),
    )
    whole = Tally({CANDIDATE: many, BASELINE: many}, {BASELINE: pairs}, *[nothing.tally.worst] * 2)
    names = tuple(f"c{label}" for label in range(classes))
    return dataclasses.replace(nothing, class_names=names, tally=whole)


@pytest.mark.parametrize(
    "classes", [2, 10, 499, 500, 501, 1000, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_a_class_that_loses_all_is_worse_among_however_many(classes):
    """From 500 classes on it passed: the p-value was never below 1e-4, the level 0.05 / 500."""
    each = 29 if classes == 10_000 else 25
    rule = Paired(margin=0.3, on="each class")
    outcome = asked(rule, of_classes(classes, each, lost=each))
    assert (outcome.status, outcome.at) == ("failed", "c1")
    assert asked(rule, of_classes(classes, each, lost=0)).status == "passed"
    strict = Paired(margin=0.3, on="each class", require="shown no worse")
    assert asked(strict, of_classes(classes, 50, lost=0)).status == "passed"
    assert asked(strict, of_classes(classes, 50, lost=25)).status == "failed"


@pytest.mark.parametrize("margin", [0.0, 0.015, 0.15, 0.3])
@pytest.mark.parametrize("error", [0.1, 0.05, 1e-3, 1e-6])
@pytest.mark.parametrize("classes", [2, 500, pytest.param(10_000, marks=pytest.mark.torture)])
def test_25_lost_of_25_never_pass(margin, error, classes):
    """They fail, or no outcome of 25 images could: then they are too few, whatever is seen."""
    rule = Paired(margin=margin, on="each class", confidence=1 - error)
    outcome = asked(rule, of_classes(classes, 25, lost=25))
    can_be_shown = ((1 + margin) / 2) ** 25 < error / classes * 0.99
    assert outcome.status == ("failed" if can_be_shown else "not enough data")
    if not can_be_shown:
        assert asked(rule, of_classes(classes, 25, lost=0)).status == "not enough data"
        needed = fewest_images(margin, (1 - rule.confidence) / classes)
        assert f"25 images, {needed} are needed" in outcome.reason
        assert asked(rule, of_classes(classes, needed, lost=needed)).status == "failed"


@pytest.mark.slow
@pytest.mark.parametrize(("margin", "error"), [(0.0, 0.1), (0.3, 1e-6)])
def test_25_lost_of_25_never_pass_among_ten_thousand_classes(margin, error):
    test_25_lost_of_25_never_pass(margin, error, 10_000)


def test_the_data_are_suspect_where_the_baseline_falls_below_its_floor_too():
    rule = Threshold(metric="accuracy", at_least=0.9)
    floor = Config(thresholds=(rule,))

    def compared(*missed: int, met: tuple[str, str] = (rule.name, rule.needed)) -> Measurements:
        serves = Reference(digest="b" * 64, version=3, met=frozenset([met]))
        wrong = {CANDIDATE: [30, 0, 0, 0], BASELINE: list(missed)}
        return measured(wrong=wrong, baseline=serves)

    both, one = compared(30, 0, 0, 0), compared(0, 0, 0, 0)
    # A floor that was raised since, or that somebody overruled, says nothing of the data.
    raised = compared(30, 0, 0, 0, met=(rule.name, "at least 0.8"))
    assert judge(raised, floor, "m", ABOUT)["suspect_the_data"] is None
    assert "suspect the data" in judge(both, floor, "m", ABOUT)["suspect_the_data"]
    assert judge(one, floor, "m", ABOUT)["suspect_the_data"] is None
    assert judge(measured(wrong=only()), floor, "m", ABOUT)["suspect_the_data"] is None


def test_the_verdict_has_every_key_that_is_documented():
    found = measured(wrong={CANDIDATE: [9, 1, 0, 0], BASELINE: [0, 2, 0, 0]})
    verdict = judge(found, Config(thresholds=FLOOR), "m" * 64, ABOUT)
    assert verdict["schema_version"] == 4
    assert verdict["model"] == {"digest": "m" * 64}
    assert verdict["baseline"]["comparable"] is True
    assert verdict["data"]["per_class"] == dict.fromkeys(NAMES, 50)
    assert verdict["weakest_class"] == {"name": "zero", "accuracy": 0.82, "examples": 50}
    table = {"both_right": 189, "only_candidate": 1, "only_reference": 9, "neither": 1}
    assert verdict["paired"]["baseline"]["overall"] == table
    assert verdict["paired"]["best"] is None
    assert len(verdict["lost"]) == 9
    assert len(verdict["worst"]) == 10
    assert verdict["confusion"]["candidate"][0] == [41, 9, 0, 0]
    assert verdict["metrics"]["best"] is None
    keys = "name kind metric on at value interval needed status reason text"
    assert set(verdict["rules"][0]) == set(keys.split())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Threshold(metric="acuracy", at_least=0.5), "did you mean 'accuracy'"),
        (lambda: Threshold(metric="accuracy"), "needs one bound"),
        (lambda: Threshold(metric="accuracy", at_least=0.5, at_most=0.6), "needs one bound"),
        (lambda: Threshold(metric="accuracy", at_least=1.01), "out of range"),
        (lambda: Threshold(metric="accuracy", at_least=math.nan), "out of range"),
        (lambda: Threshold(metric="loss", at_most=-1.0), "out of range"),
        (lambda: Change(metric="los", worse_by_at_most=0.1), "did you mean 'loss'"),
        (lambda: Change(metric="loss", worse_by_at_most=-0.1), "out of range"),
        (lambda: Paired(margin=1.5), "out of range"),
        (lambda: Paired(margin=0.1, confidence=95), "out of range"),
        (lambda: Paired(margin=0.1, confidence=1.0), "out of range"),
        (lambda: Paired(margin=0.1, confidence=0.49), "out of range"),
        (lambda: Allowed(parity=-1), "parity is out of range"),
        (lambda: Allowed(trained_on_share=2), "trained_on_share is out of range"),
        (lambda: Allowed(alone=-0.1), "alone is out of range"),
        (lambda: Allowed(unpredicted_classes=-1), "unpredicted_classes is out of range"),
        (lambda: Config(confidence=95), "confidence is out of range"),
        (lambda: Config(confidence=-0.1), "confidence is out of range"),
        (lambda: Config(confidence=0.0), "confidence is out of range"),
        (lambda: Config(confidence=1.0), "confidence is out of range"),
        (lambda: Config(min_examples=0), "min_examples is out of range"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize("metric", [*METRICS])
def test_a_bound_that_no_value_can_pass_or_fail_is_refused(metric):
    greatest, _ = METRICS[metric]
    for bound in (-0.01, math.inf, greatest + 0.01):
        with pytest.raises(ConfigError, match="out of range"):
            Threshold(metric=metric, at_least=bound)
        with pytest.raises(ConfigError, match="out of range"):
            Change(metric=metric, worse_by_at_most=bound)
    assert greatest == (math.inf if metric == "loss" else 1.0)


def test_the_edges_of_what_is_allowed_are_allowed():
    assert Paired(margin=0.0, confidence=0.5).margin == 0.0
    assert Threshold(metric="accuracy", at_least=1.0).at_least == 1.0
    assert Threshold(metric="loss", at_most=0.0).at_most == 0.0
    for margin in (0.0, 1.0):
        assert Allowed(parity=margin, alone=margin, trained_on_share=margin).alone == margin
    assert Threshold(metric="loss", at_most=7.0).needed == "at most 7"
    assert Config(min_examples=1).min_examples == 1


@pytest.mark.parametrize(
    "make",
    [
        *(lambda m=metric: Threshold(metric=m, at_least=0.0) for metric in METRICS),
        *(lambda m=m: Threshold(metric=m, at_most=1.0) for m in METRICS if m != "loss"),
        *(lambda m=m: Change(metric=m, worse_by_at_most=1.0) for m in METRICS if m != "loss"),
        lambda: Paired(margin=1.0),
    ],
)
def test_a_rule_that_every_model_meets_is_refused(make):
    with pytest.raises(ConfigError, match="every model meets"):
        make()


@pytest.mark.parametrize(
    "rules",
    [
        {"thresholds": [Threshold(metric="ece", at_most=b) for b in (0.1, 0.2)]},
        {"changes": [Change(metric="loss", worse_by_at_most=b, on="two") for b in (0.1, 0.2)]},
        {"paired": [Paired(margin=b) for b in (0.1, 0.2)]},
    ],
)
def test_two_rules_of_one_name_are_refused_for_an_override_would_be_of_both(rules):
    ((what, asked),) = rules.items()
    with pytest.raises(ConfigError, match=f"two rules named '{asked[0].name}'"):
        Config(**{what: tuple(asked)})
    assert Config(**{what: tuple(asked[:1])})


def test_two_slices_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two slices named 'band'"):
        Config(slices=("band", "mine:band"))


def test_a_slice_is_by_a_feature_that_some_example_has():
    slices = ("brightness", "mine:band_of", "span")
    assert slice_features(slices) == ["span"]
    check_slice_features(slices, {"image", "span"})
    with pytest.raises(ConfigError, match="did you mean 'brightness'") as refused:
        check_slice_features(("brigthness",), {"image", "span"})
    assert "image, span" in str(refused.value)


def test_a_rule_is_on_something_that_is_there():
    rules = [Threshold(metric="accuracy", at_least=0.5, on=on) for on in ("overall", "each class")]
    check_subjects(rules, NAMES, ())
    for on in ("two", "source=web", "each source", "each band_of"):
        check_subjects([Paired(margin=0.1, on=on)], NAMES, ("source", "mine:band_of"))
    with pytest.raises(ConfigError, match="did you mean 'three'"):
        check_subjects([Paired(margin=0.1, on="thre")], NAMES, ())
    with pytest.raises(ConfigError, match="source=web"):
        check_subjects([Paired(margin=0.1, on="source=web")], NAMES, ())


@pytest.mark.parametrize(
    ("require", "bound"), [("not shown worse", 0), ("shown no worse", 1)], ids=["lenient", "strict"]
)
def test_the_interval_never_contradicts_the_answer(require: Any, bound: int) -> None:
    """The score's interval does, for some counts: its normal distribution is near, not exact."""
    rule, contradictions = Paired(margin=0.02, require=require, confidence=0.9), 0
    for lost in range(14):
        for won in range(6):
            wrong = {CANDIDATE: [lost, 0, 0, 0], BASELINE: [0, won, 0, 0]}
            found = asked(rule, measured(wrong=wrong))
            assert found.interval is not None
            assert found.value is not None
            assert found.interval[0] <= found.value <= found.interval[1]
            failed, end = found.status == "failed", found.interval[bound]
            assert end >= 0.02 if failed else end <= 0.02
            contradictions += (loss_interval(lost, won, 200, 0.9)[bound] > 0.02) != failed
    assert contradictions  # else nothing here is tested
