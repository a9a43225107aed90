"""Judge the rules that always hold: they find models that are broken, not merely weak."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from components.evaluate import rules
from components.evaluate.measure.counts import CANDIDATE
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.rule_outcomes import Outcome, Status
from components.evaluate.rules import Allowed
from serving_export.parity.batch_independence import Difference

_CONSTANT = 1e-6  # range of a class's probability over all images that counts as constant
_SUM_TOLERANCE = 1e-3  # deviation of a sum from 1; a softmax in float16 stays within


def judge_sanity_rules(measured: Measurements, allowed: Allowed) -> Iterator[Outcome]:
    """Judge the candidate by every sanity rule."""
    answers, facts = measured.tally.models[CANDIDATE], measured.facts
    unsound, weights = answers.unsound, facts.unsound_weights
    yield _make_outcome(
        rules.FINITE,
        "every probability and every weight is a finite number",
        not (unsound or weights),
        f"{unsound} answers and {weights} weights are NaN or infinite",
    )
    unpredicted = [
        name
        for name, of_class, predicted in zip(
            measured.class_names, answers.examples, answers.predicted, strict=True
        )
        if of_class and not predicted
    ]
    yield _make_outcome(
        rules.PREDICTED,
        f"at most {allowed.unpredicted_classes} classes that have images are never predicted"
        if allowed.unpredicted_classes
        else "each class that has images is predicted",
        len(unpredicted) <= allowed.unpredicted_classes,
        f"never predicted: {', '.join(unpredicted)}" if unpredicted else "all are predicted",
    )
    span = float((answers.highest - answers.lowest).max())
    yield _make_outcome(
        rules.NOT_CONSTANT,
        "answers differ from image to image",
        span > _CONSTANT,
        "no answer is a finite number"
        if span < 0
        else f"the widest range of a probability is {span:.3g}",
    )
    off, low, high = (
        float(answers.off_one),
        float(answers.lowest.min()),
        float(answers.highest.max()),
    )
    yield _make_outcome(
        rules.SUM,
        f"to within {_SUM_TOLERANCE:g}, and each is from 0 to 1",
        max(off, -low, high - 1) <= _SUM_TOLERANCE,
        f"the largest deviation of a sum is {off:.3g}; probabilities from {low:.3g} to {high:.3g}",
    )
    yield _judge_parity(facts, allowed.parity)
    yield _judge_difference(
        rules.TRANSFORM, facts.transform, allowed.parity, "what the model was fed"
    )
    yield _judge_alone(facts.alone, allowed.alone)
    yield _judge_trained_on(measured, allowed.trained_on_share)


def _make_outcome(name: str, needed: str, holds: bool, reason: str) -> Outcome:
    status: Status = "passed" if holds else "failed"
    return Outcome(
        name=name, kind="sanity", on=rules.OVERALL, needed=needed, status=status, reason=reason
    )


def _make_unknown(name: str, needed: str, reason: str) -> Outcome:
    return dataclasses.replace(_make_outcome(name, needed, True, reason), status="not applicable")


def _judge_parity(facts: SanityFacts, tolerance: float) -> Outcome:
    """Require the same answers as in training, with bit for bit the same weights."""
    outcome = _judge_difference(
        rules.PARITY, facts.parity, tolerance, "the trained model's answers"
    )
    if not facts.changed_weights:
        return outcome
    reason = f"{facts.changed_weights} variables differ from the trained ones; {outcome.reason}"
    return dataclasses.replace(outcome, status="failed", reason=reason)


def _judge_difference(name: str, difference: float | None, tolerance: float, of: str) -> Outcome:
    needed = f"differs from {of} by at most {tolerance:g}"
    if difference is None:
        return _make_unknown(name, needed, "there is no record of the training")
    reason = f"the largest difference is {difference:.3g}"
    return _make_outcome(name, needed, difference <= tolerance, reason)


def _judge_alone(difference: Difference | None, tolerance: float) -> Outcome:
    needed = f"differ from the answers in a batch by at most {tolerance:g}"
    if difference is None:
        return _make_unknown(rules.ALONE, needed, "this was not measured")
    reason = f"asked {difference.arrangement}, the largest difference is {difference.value:.3g}"
    return _make_outcome(rules.ALONE, needed, difference.value <= tolerance, reason)


def _judge_trained_on(measured: Measurements, share: float) -> Outcome:
    needed = f"at most {share:g} of the images"
    count, number = measured.facts.trained_on, int(measured.tally.models[CANDIDATE].examples.sum())
    if count is None:
        return _make_unknown(rules.TRAINED_ON, needed, "there is no record of the training")
    reason = f"the model was trained on {count:,} of {number:,}{_list_examples(measured)}"
    return _make_outcome(rules.TRAINED_ON, needed, count <= share * number, reason)


def _name_model(reference: Reference) -> str:
    if reference.version is None:
        return f"the model {reference.digest[:12]}"
    return f"version {reference.version}"


def _list_examples(measured: Measurements) -> str:
    indices = ", ".join(map(str, measured.facts.trained_on_indices))
    return f", for example {measured.split}[{indices}]" if indices else ""


def judge_serving_rules(measured: Measurements) -> Iterator[Outcome]:
    """Judge whether the serving model can be evaluated, and whether the candidate is an old one."""
    if measured.baseline:
        trouble = measured.baseline.trouble
        yield Outcome(
            name=rules.COMPARABLE,
            kind="serving",
            on=rules.OVERALL,
            needed="the model that serves now can be evaluated",
            status="failed" if trouble else "passed",
            reason=trouble or _name_model(measured.baseline),
        )
    if measured.facts.replaced:
        was, now = measured.facts.replaced
        yield Outcome(
            name=rules.NOT_REPLACED,
            kind="serving",
            on=rules.OVERALL,
            needed="not a model that served before and was replaced",
            status="failed",
            reason=f"this model was version {was}, which version {now} replaced",
        )
