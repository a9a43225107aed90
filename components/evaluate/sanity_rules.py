"""What always must hold, whatever is configured: a model that is broken, not merely weak."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from components.evaluate import rules
from components.evaluate.measure.counts import CANDIDATE
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.rule_outcomes import Outcome, Status
from components.evaluate.rules import Allowed
from serving_export.parity.batch_independence import Difference

_CONSTANT = 1e-6  # span of a class's probability over all images that counts as none
_SUM_TOLERANCE = 1e-3  # of 1; a softmax in float16 stays within


def judge_sanity_rules(measured: Measurements, allowed: Allowed) -> Iterator[Outcome]:
    """Hold the candidate against every sanity rule, and against what served before."""
    answers, facts = measured.tally.models[CANDIDATE], measured.facts
    unsound, weights = answers.unsound, facts.unsound_weights
    yield _sanity(
        rules.FINITE,
        "every probability and every weight a finite number",
        not (unsound or weights),
        f"{unsound} images bad, {weights} weights NaN or infinite",
    )
    never = [
        name
        for name, of_class, predicted in zip(
            measured.class_names, answers.examples, answers.predicted, strict=True
        )
        if of_class and not predicted
    ]
    yield _sanity(
        rules.PREDICTED,
        f"at most {allowed.unpredicted_classes} never predicted"
        if allowed.unpredicted_classes
        else "each class that has images",
        len(never) <= allowed.unpredicted_classes,
        f"never predicted: {', '.join(never)}" if never else "each is predicted",
    )
    span = float((answers.highest - answers.lowest).max())
    yield _sanity(
        rules.NOT_CONSTANT,
        "answers differ from image to image",
        span > _CONSTANT,
        "no answer is a number" if span < 0 else f"the widest span of a probability is {span:.3g}",
    )
    off, low, high = (
        float(answers.off_one),
        float(answers.lowest.min()),
        float(answers.highest.max()),
    )
    yield _sanity(
        rules.SUM,
        f"to within {_SUM_TOLERANCE:g}, and each from 0 to 1",
        max(off, -low, high - 1) <= _SUM_TOLERANCE,
        f"the farthest sum is off by {off:.3g}, and they go from {low:.3g} to {high:.3g}",
    )
    yield _parity(facts, allowed.parity)
    yield _difference(rules.TRANSFORM, facts.transform, allowed.parity, "what the model was fed")
    yield _alone(facts.alone, allowed.alone)
    yield _trained_on(measured, allowed.trained_on_share)


def _sanity(name: str, needed: str, holds: bool, reason: str) -> Outcome:
    status: Status = "passed" if holds else "failed"
    return Outcome(
        name=name, kind="sanity", on=rules.OVERALL, needed=needed, status=status, reason=reason
    )


def _not_known(name: str, needed: str, reason: str) -> Outcome:
    return dataclasses.replace(_sanity(name, needed, True, reason), status="not applicable")


def _parity(facts: SanityFacts, tolerance: float) -> Outcome:
    """The same answers, by the very same weights."""
    found = _difference(rules.PARITY, facts.parity, tolerance, "the trained model's answers")
    if not facts.changed_weights:
        return found
    reason = f"{facts.changed_weights} variables are not those trained; {found.reason}"
    return dataclasses.replace(found, status="failed", reason=reason)


def _difference(name: str, seen: float | None, tolerance: float, of: str) -> Outcome:
    needed = f"differs from {of} by at most {tolerance:g}"
    if seen is None:
        return _not_known(name, needed, "there is no record of the training")
    return _sanity(name, needed, seen <= tolerance, f"the largest difference is {seen:.3g}")


def _alone(seen: Difference | None, tolerance: float) -> Outcome:
    needed = f"differ from those given together by at most {tolerance:g}"
    if seen is None:
        return _not_known(rules.ALONE, needed, "it was not asked")
    reason = f"asked {seen.arrangement}, the largest difference is {seen.value:.3g}"
    return _sanity(rules.ALONE, needed, seen.value <= tolerance, reason)


def _trained_on(measured: Measurements, share: float) -> Outcome:
    needed = f"at most {share:g} of the images"
    count, number = measured.facts.trained_on, int(measured.tally.models[CANDIDATE].examples.sum())
    if count is None:
        return _not_known(rules.TRAINED_ON, needed, "there is no record of the training")
    reason = f"the model was trained on {count:,} of {number:,}{_examples(measured)}"
    return _sanity(rules.TRAINED_ON, needed, count <= share * number, reason)


def _named(reference: Reference) -> str:
    if reference.version is None:
        return f"the model {reference.digest[:12]}"
    return f"version {reference.version}"


def _examples(measured: Measurements) -> str:
    places = measured.facts.trained_on_indices
    return f", such as number {', '.join(map(str, places))} of {measured.split}" if places else ""


def judge_serving_rules(measured: Measurements) -> Iterator[Outcome]:
    """What the candidate's place among the served versions says."""
    if measured.baseline:
        trouble = measured.baseline.trouble
        yield Outcome(
            name=rules.COMPARABLE,
            kind="serving",
            on=rules.OVERALL,
            needed="the model that serves now can be asked",
            status="failed" if trouble else "passed",
            reason=trouble or _named(measured.baseline),
        )
    if measured.facts.replaced:
        was, now = measured.facts.replaced
        yield Outcome(
            name=rules.NOT_REPLACED,
            kind="serving",
            on=rules.OVERALL,
            needed="not a model that served and was replaced",
            status="failed",
            reason=f"this very model was version {was}, which version {now} replaced",
        )
