"""Make the verdict: judge every rule, and write the content of `verdict.json`.

docs/reference/verdict.md describes the schema.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluate import sanity_rules
from components.evaluate.measure.answers import Answers
from components.evaluate.measure.cells import fill_table, find_largest
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, KEPT, Mistakes, Tally
from components.evaluate.measure.measurements import Measurements, Reference
from components.evaluate.measure.metrics import describe_calibration
from components.evaluate.rule_outcomes import Outcome, judge_change, judge_paired, judge_threshold
from components.evaluate.rules import OVERALL
from data.files.documents import add_schema_number

if TYPE_CHECKING:
    from components.evaluate.config import Config

_MOST_CLASSES = 1000  # with more classes the verdict has no complete confusion matrix


def judge_rules(measured: Measurements, config: Config) -> list[Outcome]:
    """Judge every rule: first the configured rules, then the rules that always hold."""
    least = config.min_examples
    return [
        *(judge_threshold(rule, measured, least) for rule in config.thresholds),
        *(judge_change(rule, measured, least) for rule in config.changes),
        *(judge_paired(rule, measured, least) for rule in config.paired),
        *sanity_rules.judge_serving_rules(measured),
        *sanity_rules.judge_sanity_rules(measured, config.allowed),
    ]


def decide_status(outcomes: list[Outcome], config: Config) -> str:
    """Decide "failed" if a rule fails or lacks data, "not configured" if no set rule applies."""
    if any(outcome.status in ("failed", "not enough data") for outcome in outcomes):
        return "failed"
    configured = outcomes[: len(config.rules)]
    return "passed" if any(o.status == "passed" for o in configured) else "not configured"


def judge(
    measured: Measurements, config: Config, model_digest: str, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Judge the candidate; returns the content of `verdict.json`.

    Args:
        measured: the measurements of the candidate and of the models it is compared with.
        config: the rules.
        model_digest: digest of the bundle that was measured.
        about: facts about "data" and "code" to record in the verdict.
    """
    outcomes = judge_rules(measured, config)
    metrics, models = measured.metrics, measured.tally.models
    content = {
        "status": decide_status(outcomes, config),
        "reasons": [o.text for o in outcomes if o.status in ("failed", "not enough data")],
        "suspect_the_data": _explain_suspicion(measured, config),
        "model": {"digest": model_digest},
        "baseline": _describe_reference(measured.baseline),
        "best": _describe_reference(measured.best),
        "replaced": measured.facts.replaced,
        "data": {
            "split": measured.split,
            "examples": metrics[CANDIDATE]["overall"]["examples"],
            "class_names": measured.class_names,
            "per_class": {n: m["examples"] for n, m in metrics[CANDIDATE]["classes"].items()},
            "trained_on": measured.facts.trained_on,
            **about["data"],
        },
        "code": about["code"],
        "confidence": measured.confidence,
        "rules": [outcome.plain() for outcome in outcomes],
        "metrics": {name: metrics.get(name) for name in (CANDIDATE, BASELINE, BEST)},
        "weakest_class": _find_weakest(metrics[CANDIDATE]["classes"]),
        "confusion": _describe_models(lambda name: _make_confusion(models[name]), measured),
        "confusions": _list_confusions(models[CANDIDATE], models.get(BASELINE)),
        "calibration": _describe_models(lambda name: describe_calibration(models[name]), measured),
        "paired": {name: _describe_pairs(measured, name) for name in (BASELINE, BEST)},
        "worst": _describe_mistakes(measured.tally.worst),
        "lost": _describe_mistakes(measured.tally.lost) if BASELINE in models else [],
    }
    return add_schema_number("verdict.json", content)


def _explain_suspicion(measured: Measurements, config: Config) -> str | None:
    """Say so if the model that serves now fails a rule that it met when it was pushed."""
    if BASELINE not in measured.tally.models or measured.baseline is None:
        return None
    before = Measurements(
        split=measured.split,
        class_names=measured.class_names,
        tally=_baseline_alone(measured.tally),
        slices={name: _baseline_alone(tally) for name, tally in measured.slices.items()},
    )
    failing = [
        rule.name
        for rule in config.thresholds
        if (rule.name, rule.needed) in measured.baseline.met
        and judge_threshold(rule, before, config.min_examples).status == "failed"
    ]
    if not failing:
        return None
    return (
        "suspect the data: the model that serves now fails the same rules on it "
        f"({', '.join(failing)}), and met them when it was pushed"
    )


def _baseline_alone(tally: Tally) -> Tally:
    """Put the counts of the baseline in the place of the candidate's."""
    return dataclasses.replace(tally, models={CANDIDATE: tally.models[BASELINE]}, right={})


def _describe_reference(reference: Reference | None) -> dict[str, Any] | None:
    if reference is None:
        return None
    return {
        "digest": reference.digest,
        "version": reference.version,
        "comparable": not reference.trouble,
        "whole": reference.whole,
        "why": reference.trouble,
    }


def _describe_models(make: Any, measured: Measurements) -> dict[str, Any]:
    return {n: make(n) if n in measured.tally.models else None for n in (CANDIDATE, BASELINE)}


def _make_confusion(answers: Answers) -> list[list[int]] | None:
    """Make the matrix of labels (rows) and predictions (columns); None if it is too large."""
    if answers.classes > _MOST_CLASSES:
        return None
    rows: list[list[int]] = fill_table(answers.confusion, answers.classes, answers.classes).tolist()
    return rows


def _list_confusions(after: Answers, before: Answers | None) -> list[dict[str, int | None]]:
    """List the largest confusions of the candidate, each with the images of the baseline."""
    cells = before.confusion.tolist() if before else []
    earlier = {(label, predicted): images for label, predicted, images in cells}
    return [
        {
            "label": label,
            "predicted": predicted,
            "images": images,
            "before": earlier.get((label, predicted), 0) if before else None,
        }
        for label, predicted, images in find_largest(after.confusion, after.classes, KEPT).tolist()
    ]


def _describe_pairs(measured: Measurements, reference: str) -> dict[str, Any] | None:
    if reference not in measured.tally.right:
        return None

    def describe_views(on: str) -> dict[str, Any]:
        return {n: _describe_table(view.pairs[reference]) for n, view in measured.views(on).items()}

    slices = {
        n: _describe_table(t.right[reference].sum(axis=0)) for n, t in measured.slices.items()
    }
    return {**describe_views(OVERALL), "classes": describe_views("each class"), "slices": slices}


def _describe_table(pairs: np.ndarray) -> dict[str, int]:
    (neither, only_reference), (only_candidate, both_right) = pairs.tolist()
    return {
        "both_right": both_right,
        "only_candidate": only_candidate,
        "only_reference": only_reference,
        "neither": neither,
    }


def _describe_mistakes(mistakes: Mistakes) -> list[dict[str, Any]]:
    names = ("probabilities", "reference_probabilities")
    return [
        {
            "index": index,
            "label": label,
            "predicted": predicted,
            **{n: a.tolist() for n, a in zip(names, answers.astype(float), strict=False)},
        }
        for (index, label, predicted), answers in zip(
            mistakes.images.tolist(), mistakes.answers, strict=True
        )
    ]


def _find_weakest(classes: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    present = {name: m for name, m in classes.items() if m["examples"]}
    if not present:
        return None
    name = min(present, key=lambda n: present[n]["accuracy"])
    return {"name": name, **{key: present[name][key] for key in ("accuracy", "examples")}}
