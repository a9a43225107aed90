"""Judge one rule by the measurements, with a reason in words."""

from __future__ import annotations

import dataclasses
import math
import shlex
from dataclasses import asdict, dataclass
from typing import Any, Literal

from components.evaluate.measure.counts import BASELINE, CANDIDATE
from components.evaluate.measure.intervals import loss_interval
from components.evaluate.measure.measurements import Measurements, View
from components.evaluate.paired_loss import fewest_images, p_value_of_loss
from components.evaluate.rules import METRICS, Change, Paired, Threshold

Status = Literal["passed", "failed", "not enough data", "not applicable"]
_BADNESS: dict[Status, int] = {"failed": 2, "not enough data": 1, "passed": 0}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one rule: one row of the verdict."""

    name: str
    kind: Literal["floor", "ceiling", "change", "paired", "best", "sanity", "serving"]
    on: str
    needed: str
    status: Status
    reason: str  # what was measured, in words
    metric: str | None = None
    at: str = ""  # the slice that decided: the one with the worst outcome
    value: float | None = None  # of the metric, or the loss of accuracy
    interval: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """The outcome as a sentence."""
        return f"{self.name}, {self.needed}: {self.status}, {self.reason}"

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at or self.on, "text": self.text}


@dataclass(frozen=True)
class _SliceOutcome:
    """The outcome of a rule on one slice."""

    status: Status
    badness: tuple[float, ...]  # greater is worse; orders slices that have the same status
    reason: str
    value: float | None = None
    interval: tuple[float, float] | None = None


def judge_threshold(rule: Threshold, measured: Measurements, min_examples: int) -> Outcome:
    """Compare a metric with its floor or ceiling."""

    def look(view: View) -> _SliceOutcome:
        value, interval = _read_value(view, CANDIDATE, rule.metric)
        if value is None:
            return _SliceOutcome("failed", (math.inf,), f"{rule.metric} is NaN or undefined")
        low = -math.inf if rule.at_least is None else rule.at_least
        high = math.inf if rule.at_most is None else rule.at_most
        status: Status = "passed" if low <= value <= high else "failed"
        badness = value if rule.at_least is None else -value
        reason = f"{value:.4f}{_format_interval(interval)}"
        return _SliceOutcome(status, (badness,), reason, value, interval)

    kind: Any = "ceiling" if rule.at_least is None else "floor"
    return _judge_slices(rule, kind, rule.needed, measured, min_examples, look)


def judge_change(rule: Change, measured: Measurements, min_examples: int) -> Outcome:
    """Compare a metric with the same metric of the baseline."""
    needed = f"worse by at most {rule.worse_by_at_most:g}"
    if BASELINE not in measured.tally.models:
        return _make_not_applicable(rule, "change", needed, _explain_absence(measured, BASELINE))

    def look(view: View) -> _SliceOutcome:
        (value, interval), (before, _) = (
            _read_value(view, model, rule.metric) for model in (CANDIDATE, BASELINE)
        )
        if value is None or before is None:
            return _SliceOutcome("failed", (math.inf,), f"{rule.metric} is NaN or undefined")
        worse = before - value if METRICS[rule.metric][1] else value - before
        # A bound of 0.01 is met by a drop from 0.95 to 0.94, which in floats is a bit more.
        status: Status = "passed" if worse <= rule.worse_by_at_most + 1e-12 else "failed"
        reason = f"{value:.4f}, the baseline {before:.4f}"
        return _SliceOutcome(status, (worse,), reason, value, interval)

    return _judge_slices(rule, "change", needed, measured, min_examples, look)


def judge_paired(rule: Paired, measured: Measurements, min_examples: int) -> Outcome:
    """Compare the candidate with another model, image by image, by an exact test."""
    kind: Any = "paired" if rule.against == BASELINE else "best"
    if rule.against not in measured.tally.models:
        outcome = _make_not_applicable(
            rule, kind, rule.needed, _explain_absence(measured, rule.against)
        )
        return _fail_without_best(outcome, measured) if kind == "best" else outcome
    # Among several slices one may look bad by chance: Bonferroni's correction.
    error = (1 - rule.confidence) / max(1, len(measured.views(rule.on)))
    strict = rule.require == "shown no worse"
    # With fewer images no result could fail the rule, or pass the strict rule.
    least = max(min_examples, fewest_images(-rule.margin if strict else rule.margin, error))

    def look(view: View) -> _SliceOutcome:
        (_, lost), (won, _) = view.pairs[rule.against].tolist()
        images = lost + won + int(view.pairs[rule.against].trace())
        worse = p_value_of_loss(lost, won, images, rule.margin, error)
        p = p_value_of_loss(won, lost, images, -rule.margin, error) if strict else worse
        fails = p >= error if strict else p < error
        loss = (lost - won) / images
        low, high = loss_interval(lost, won, images, 1 - error)
        # The score interval only approximates the exact test: at the margin the test decides.
        if strict:
            high = max(high, rule.margin) if fails else min(high, rule.margin)
        else:
            low = max(low, rule.margin) if fails else min(low, rule.margin)
        reason = (
            f"of {images:,} images {lost} are lost and {won} won: "
            f"{_format_points(loss, low, high)}, p = {p:.2g}"
        )
        return _SliceOutcome(
            "failed" if fails else "passed", (-worse, loss), reason, loss, (low, high)
        )

    return _judge_slices(rule, kind, rule.needed, measured, least, look)


def _make_not_applicable(rule: Change | Paired, kind: Any, needed: str, reason: str) -> Outcome:
    """Make the outcome of a comparison that has no model to compare with."""
    return Outcome(
        name=rule.name,
        kind=kind,
        metric=_name_metric(rule),
        on=rule.on,
        needed=needed,
        status="not applicable",
        reason=reason,
    )


def _fail_without_best(outcome: Outcome, measured: Measurements) -> Outcome:
    """Fail the rule if the best version exists and cannot be evaluated.

    Otherwise the loss of that version would lower the standard.
    """
    if measured.best is None:
        return outcome
    reason = (
        f"{outcome.reason}; it is the best version ever pushed: restore it, or start again from "
        f'this model with penstock push RUN --override {shlex.quote(outcome.name)} --reason "…"'
    )
    return dataclasses.replace(outcome, status="failed", reason=reason)


def _judge_slices(
    rule: Threshold | Change | Paired,
    kind: Any,
    needed: str,
    measured: Measurements,
    min_examples: int,
    look: Any,
) -> Outcome:
    """Judge a rule on each slice that it is about; the worst outcome decides."""
    outcomes: dict[str, _SliceOutcome] = {}
    for name, view in measured.views(rule.on).items():
        number = view.metrics[CANDIDATE]["examples"]
        outcomes[name] = (
            look(view)
            if number >= min_examples
            else _SliceOutcome(
                "not enough data", (-number,), f"{number} images, {min_examples} are needed"
            )
        )
    if not outcomes:
        outcomes[rule.on] = _SliceOutcome("not enough data", (), "the split has no such images")
    at = max(outcomes, key=lambda name: (_BADNESS[outcomes[name].status], outcomes[name].badness))
    status = outcomes[at].status
    same = sum(outcome.status == status for outcome in outcomes.values())
    others = (
        f", and {same - 1} more" if same > 1 and status in ("failed", "not enough data") else ""
    )
    where = f"{at}: " if at != rule.on else ""
    return Outcome(
        name=rule.name,
        kind=kind,
        metric=_name_metric(rule),
        on=rule.on,
        needed=needed,
        status=status,
        reason=f"{where}{outcomes[at].reason}{others}",
        at=at,
        value=outcomes[at].value,
        interval=outcomes[at].interval,
    )


def _name_metric(rule: Threshold | Change | Paired) -> str:
    return "accuracy" if isinstance(rule, Paired) else rule.metric


def _read_value(
    view: View, model: str, metric: str
) -> tuple[float | None, tuple[float, float] | None]:
    metrics = view.metrics[model]
    if metric.startswith("top_"):
        return metrics["top_k"].get(metric.removeprefix("top_")), None
    return metrics[metric], metrics.get(f"{metric}_interval")


def _explain_absence(measured: Measurements, reference: str) -> str:
    model = measured.baseline if reference == BASELINE else measured.best
    if model and model.trouble:
        return model.trouble
    return "no model serves yet" if reference == BASELINE else "no version was pushed before"


def _format_points(loss: float, low: float, high: float) -> str:
    """Format a difference of accuracy and its interval, both in points in the same direction."""
    if loss > 0:
        return f"{100 * loss:.2f} points worse ({100 * low:.2f} to {100 * high:.2f})"
    return f"{-100 * loss:.2f} points better ({-100 * high:.2f} to {-100 * low:.2f})"


def _format_interval(interval: tuple[float, float] | None) -> str:
    return f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else ""
