"""What came of one rule: held against what was measured, with a reason in words."""

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
    """One row of the verdict."""

    name: str
    kind: Literal["floor", "ceiling", "change", "paired", "best", "sanity", "serving"]
    on: str
    needed: str
    status: Status
    reason: str  # what was seen, in words
    metric: str | None = None
    at: str = ""  # the slice that decided: the worst
    seen: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def words(self) -> str:
        """The outcome as a sentence."""
        return f"{self.name}, {self.needed}: {self.status}, {self.reason}"

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at or self.on, "words": self.words}


@dataclass(frozen=True)
class _Seen:
    """What one slice says to a rule."""

    status: Status
    badness: tuple[float, ...]  # the greater, the worse; orders slices of the same status
    reason: str
    seen: float | None = None
    interval: tuple[float, float] | None = None


def judge_threshold(rule: Threshold, measured: Measurements, min_examples: int) -> Outcome:
    """A metric against its floor or ceiling."""

    def look(view: View) -> _Seen:
        value, interval = _value(view, CANDIDATE, rule.metric)
        if value is None:
            return _Seen("failed", (math.inf,), f"{rule.metric} is no number")
        low = -math.inf if rule.at_least is None else rule.at_least
        high = math.inf if rule.at_most is None else rule.at_most
        status: Status = "passed" if low <= value <= high else "failed"
        badness = value if rule.at_least is None else -value
        return _Seen(status, (badness,), f"{value:.4f}{_words(interval)}", value, interval)

    kind: Any = "ceiling" if rule.at_least is None else "floor"
    return _worst(rule, kind, rule.needed, measured, min_examples, look)


def judge_change(rule: Change, measured: Measurements, min_examples: int) -> Outcome:
    """A metric against the baseline's."""
    needed = f"worse by at most {rule.worse_by_at_most:g}"
    if BASELINE not in measured.tally.models:
        return _alone(rule, "change", needed, _absent(measured, BASELINE))

    def look(view: View) -> _Seen:
        (value, interval), (before, _) = (
            _value(view, model, rule.metric) for model in (CANDIDATE, BASELINE)
        )
        if value is None or before is None:
            return _Seen("failed", (math.inf,), f"{rule.metric} is no number")
        worse = before - value if METRICS[rule.metric][1] else value - before
        # A bound of 0.01 is met by a drop from 0.95 to 0.94, which in floats is a bit more.
        status: Status = "passed" if worse <= rule.worse_by_at_most + 1e-12 else "failed"
        return _Seen(status, (worse,), f"{value:.4f}, the baseline {before:.4f}", value, interval)

    return _worst(rule, "change", needed, measured, min_examples, look)


def judge_paired(rule: Paired, measured: Measurements, min_examples: int) -> Outcome:
    """The candidate against another model on the same images."""
    kind: Any = "paired" if rule.against == BASELINE else "best"
    if rule.against not in measured.tally.models:
        found = _alone(rule, kind, rule.needed, _absent(measured, rule.against))
        return _no_best(found, measured) if kind == "best" else found
    # Of several slices one is likely to look bad by chance: Bonferroni's correction.
    error = (1 - rule.confidence) / max(1, len(measured.views(rule.on)))
    strict = rule.require == "shown no worse"
    # Of fewer images nothing that is seen could fail the rule, or pass the strict one.
    least = max(min_examples, fewest_images(-rule.margin if strict else rule.margin, error))

    def look(view: View) -> _Seen:
        (_, lost), (won, _) = view.pairs[rule.against].tolist()
        images = lost + won + int(view.pairs[rule.against].trace())
        worse = p_value_of_loss(lost, won, images, rule.margin, error)
        p = p_value_of_loss(won, lost, images, -rule.margin, error) if strict else worse
        fails = p >= error if strict else p < error
        loss = (lost - won) / images
        low, high = loss_interval(lost, won, images, 1 - error)
        # The score's interval is near the exact test's; at the margin that has the last word.
        if strict:
            high = max(high, rule.margin) if fails else min(high, rule.margin)
        else:
            low = max(low, rule.margin) if fails else min(low, rule.margin)
        reason = (
            f"of {images:,} images {lost} are lost and {won} won: {_points(loss)} "
            f"({low:+.4f} to {high:+.4f}), p = {p:.2g}"
        )
        return _Seen("failed" if fails else "passed", (-worse, loss), reason, loss, (low, high))

    return _worst(rule, kind, rule.needed, measured, least, look)


def _alone(rule: Change | Paired, kind: Any, needed: str, reason: str) -> Outcome:
    """A comparison, where there is no model to compare with: however few images there are."""
    return Outcome(
        name=rule.name,
        kind=kind,
        metric=_metric(rule),
        on=rule.on,
        needed=needed,
        status="not applicable",
        reason=reason,
    )


def _no_best(outcome: Outcome, measured: Measurements) -> Outcome:
    """A best version that cannot be asked fails its rules: else losing it would forget it."""
    if measured.best is None:
        return outcome
    reason = (
        f"{outcome.reason}; it is the best that was pushed: put it back whole, or begin anew with "
        f'this model, by penstock push RUN --override {shlex.quote(outcome.name)} --reason "…"'
    )
    return dataclasses.replace(outcome, status="failed", reason=reason)


def _worst(
    rule: Threshold | Change | Paired,
    kind: Any,
    needed: str,
    measured: Measurements,
    min_examples: int,
    look: Any,
) -> Outcome:
    """Hold a rule against each slice that it is on; the worst decides."""
    found: dict[str, _Seen] = {}
    for name, view in measured.views(rule.on).items():
        number = view.metrics[CANDIDATE]["examples"]
        found[name] = (
            look(view)
            if number >= min_examples
            else _Seen("not enough data", (-number,), f"{number} images, of {min_examples} needed")
        )
    if not found:
        found[rule.on] = _Seen("not enough data", (), "no such images were seen")
    at = max(found, key=lambda name: (_BADNESS[found[name].status], found[name].badness))
    status = found[at].status
    same = sum(seen.status == status for seen in found.values())
    others = (
        f", and {same - 1} more" if same > 1 and status in ("failed", "not enough data") else ""
    )
    where = f"{at}: " if at != rule.on else ""
    return Outcome(
        name=rule.name,
        kind=kind,
        metric=_metric(rule),
        on=rule.on,
        needed=needed,
        status=status,
        reason=f"{where}{found[at].reason}{others}",
        at=at,
        seen=found[at].seen,
        interval=found[at].interval,
    )


def _metric(rule: Threshold | Change | Paired) -> str:
    return "accuracy" if isinstance(rule, Paired) else rule.metric


def _value(view: View, model: str, metric: str) -> tuple[float | None, tuple[float, float] | None]:
    known = view.metrics[model]
    if metric.startswith("top_"):
        return known["top_k"].get(metric.removeprefix("top_")), None
    return known[metric], known.get(f"{metric}_interval")


def _absent(measured: Measurements, reference: str) -> str:
    known = measured.baseline if reference == BASELINE else measured.best
    if known and known.trouble:
        return known.trouble
    return "no model served" if reference == BASELINE else "no version was pushed before"


def _points(loss: float) -> str:
    return f"{abs(loss) * 100:.2f} points {'worse' if loss > 0 else 'better'}"


def _words(interval: tuple[float, float] | None) -> str:
    return f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else ""
