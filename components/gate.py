"""The gate's logic: measured numbers against thresholds, as a verdict that a person can read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy.stats import binomtest

from components.evaluate import EACH_CLASS, OVERALL, Config, Threshold

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Metrics:
    """What was measured on a set of examples; no examples, no numbers."""

    examples: int
    correct: int
    loss: float | None  # mean cross-entropy, nats; NaN where the model gave NaN

    @property
    def accuracy(self) -> float | None:
        """Share of examples whose most probable class is the label."""
        # From the counts: the analysis gives float32, in which 95 of 100 is below 0.95.
        return self.correct / self.examples if self.examples else None


@dataclass(frozen=True)
class Measured:
    """Metrics of a split, overall and per class in the order of the spec's class names."""

    split: str
    overall: Metrics
    classes: dict[str, Metrics]


def judge(measured: Measured, config: Config, model_digest: str) -> dict[str, Any]:
    """The content of `verdict.json`.

    Args:
        measured: the candidate's metrics.
        config: thresholds and the confidence of the intervals.
        model_digest: names the bundle that was measured.
    """
    rules = [_rule(threshold, measured, config.confidence) for threshold in config.thresholds]
    passed = all(rule["passed"] for rule in rules)
    return {
        "schema_version": SCHEMA_VERSION,
        "status": ("passed" if passed else "failed") if rules else "not configured",
        "model_digest": model_digest,
        "baseline": None,
        "rules": rules,
        "overall": describe(measured.overall, config.confidence),
        "classes": {n: describe(m, config.confidence) for n, m in measured.classes.items()},
        "weakest_class": _weakest(measured),
        "data": {
            "split": measured.split,
            "examples": measured.overall.examples,
            "per_class": {name: m.examples for name, m in measured.classes.items()},
        },
        "confidence": config.confidence,
    }


def describe(metrics: Metrics, confidence: float) -> dict[str, Any]:
    """Metrics as JSON: null where there is no number, because of no examples or NaN."""
    return {
        "examples": metrics.examples,
        "accuracy": metrics.accuracy,
        "accuracy_interval": interval(metrics, confidence),
        "loss": _number(metrics.loss),
    }


def interval(metrics: Metrics, confidence: float) -> tuple[float, float] | None:
    """Wilson's interval of the accuracy: never of width 0, not even for 36 of 36."""
    if not metrics.examples:
        return None
    found = binomtest(metrics.correct, metrics.examples).proportion_ci(confidence, "wilson")
    return float(found.low), float(found.high)


def _rule(threshold: Threshold, measured: Measured, confidence: float) -> dict[str, Any]:
    """One threshold held against the metrics it is on; on each class, the worst decides."""
    if threshold.on == OVERALL:
        held = {OVERALL: measured.overall}
    elif threshold.on == EACH_CLASS:
        held = measured.classes
    else:
        held = {threshold.on: measured.classes[threshold.on]}
    reasons = {name: _reason(threshold, metrics) for name, metrics in held.items()}
    failing = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    at = max(held, key=lambda name: _badness(threshold, held[name]))
    seen = _number(getattr(held[at], threshold.metric))
    words = "; ".join(failing) or f"{at}: {seen:.6g}"
    return {
        "metric": threshold.metric,
        "on": threshold.on,
        "at": at,  # where `seen` was seen: of each class, the worst
        "seen": seen,
        "interval": interval(held[at], confidence) if threshold.metric == "accuracy" else None,
        "needed": threshold.needed,
        "passed": not failing,
        "words": f"{threshold.metric} on {threshold.on} {threshold.needed}: "
        f"{'failed' if failing else 'passed'}, {words}",
    }


def _reason(threshold: Threshold, metrics: Metrics) -> str:
    """Why the metrics do not pass; empty where they do."""
    value = getattr(metrics, threshold.metric)
    if not metrics.examples:
        return "no examples"
    if not math.isfinite(value):
        return f"{threshold.metric} is {value}"
    low = -math.inf if threshold.at_least is None else threshold.at_least
    high = math.inf if threshold.at_most is None else threshold.at_most
    return "" if low <= value <= high else f"{value:.6g}"


def _badness(threshold: Threshold, metrics: Metrics) -> float:
    value = _number(getattr(metrics, threshold.metric))
    if value is None:
        return math.inf
    return value if threshold.at_least is None else -value


def _weakest(measured: Measured) -> dict[str, Any]:
    seen = {name: m for name, m in measured.classes.items() if m.examples}
    name = min(seen, key=lambda n: seen[n].correct / seen[n].examples)
    return {"name": name, "accuracy": seen[name].accuracy, "examples": seen[name].examples}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
