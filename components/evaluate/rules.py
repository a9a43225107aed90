"""Define the rules of the gate, as config.

A rule is checked when it is made. `on` names its images: "overall", "each class", the name of one
class, "each FEATURE" or "FEATURE=VALUE" for a slice of `evaluate.slices`. With "each", the worst
slice decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from data.base.field_meanings import show_meanings
from data.errors import ConfigError, suggest_names

OVERALL = "overall"
EACH = "each "
EACH_CLASS = EACH + "class"

# metric → its greatest possible value, and whether greater is better
METRICS = {
    "accuracy": (1.0, True),
    "precision": (1.0, True),
    "recall": (1.0, True),
    "f1": (1.0, True),
    "auc": (1.0, True),
    "loss": (math.inf, False),
    "ece": (1.0, False),
    **{f"top_{k}": (1.0, True) for k in range(2, 11)},
}


def _check_metric(metric: str) -> None:
    if metric not in METRICS:
        raise ConfigError(f"no metric {metric!r}", remedy=suggest_names(metric, METRICS))


def _check_range(value: float, greatest: float, what: str) -> None:
    if not (math.isfinite(value) and 0 <= value <= greatest):
        raise ConfigError(
            f"{what} is out of range",
            expected="0 to 1" if greatest == 1 else "0 or more",
            got=value,
            remedy="set a value in this range in evaluate",
        )


def _check_can_fail(can: bool, what: str, got: float) -> None:
    """Refuse a rule that no model fails: the gate would only look configured."""
    if not can:
        raise ConfigError(
            f"{what} has a bound that every model meets",
            expected="a bound that a bad model fails",
            got=got,
            remedy="set another bound in evaluate, or remove the rule",
        )


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Require a metric to reach a bound: exactly one of `at_least` and `at_most`, inclusive.

    Raises:
        ConfigError: there is no such metric; none or both of the bounds are set; no value could
            pass, or none could fail.
    """

    metric: str
    """Name of the metric, such as accuracy, recall, auc, loss or top_3."""
    at_least: float | None = None
    """Lowest value that passes (a floor)."""
    at_most: float | None = None
    """Highest value that passes (a ceiling)."""
    on: str = OVERALL
    """Images that the rule is about: overall, "each class", a class, "each FEATURE", or
    FEATURE=VALUE."""

    def __post_init__(self) -> None:
        _check_metric(self.metric)
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if len(bounds) != 1:
            raise ConfigError(
                f"a threshold on {self.metric} needs one bound",
                expected="at_least or at_most",
                got="both" if bounds else "neither",
                remedy="set one of them in evaluate.thresholds",
            )
        what, greatest = f"a threshold on {self.metric}", METRICS[self.metric][0]
        _check_range(bounds[0], greatest, what)
        _check_can_fail(self.at_least != 0 and self.at_most != greatest, what, bounds[0])

    @property
    def name(self) -> str:
        return f"{self.metric} {self.on}"

    @property
    def needed(self) -> str:
        """The bound in words."""
        return (
            f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"
        )


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Change:
    """Limit how much worse than the baseline a metric may be, in the unit of the metric.

    The rule compares two numbers and ignores chance. Use it for metrics that no paired rule judges,
    such as the loss. A difference equal to the bound passes.
    """

    metric: str
    """Name of the metric, such as loss or ece."""
    worse_by_at_most: float
    """Largest loss against the baseline that passes, in the unit of the metric."""
    on: str = OVERALL
    """Images that the rule is about: overall, "each class", a class, "each FEATURE", or
    FEATURE=VALUE."""

    def __post_init__(self) -> None:
        _check_metric(self.metric)
        what, greatest = f"a change of {self.metric}", METRICS[self.metric][0]
        _check_range(self.worse_by_at_most, greatest, what)
        _check_can_fail(self.worse_by_at_most < greatest, what, self.worse_by_at_most)

    @property
    def name(self) -> str:
        return f"change of {self.metric} {self.on}"


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Paired:
    """Limit the loss of accuracy against another model, measured on the same images.

    "not shown worse" fails if the test shows, at this confidence, that the candidate loses more
    than `margin`. "shown no worse" is stricter: it fails unless the test shows that the candidate
    loses at most `margin`. See `paired_loss.p_value_of_loss` for the test.
    """

    margin: float
    """Largest loss of accuracy that is accepted, as a share of the images: 0.01 is one point."""
    require: Literal["not shown worse", "shown no worse"] = "not shown worse"
    """"not shown worse" fails if the test shows a loss beyond the margin; "shown no worse" fails
    unless the test rules out such a loss."""
    against: Literal["baseline", "best"] = "baseline"
    """The other model: the baseline (the model that serves now), or the best version ever pushed.
    """
    on: str = OVERALL
    """Images that the rule is about: overall, "each class", a class, "each FEATURE", or
    FEATURE=VALUE."""
    confidence: float = 0.95
    """One-sided confidence of the test. A rule on several slices divides the error among them."""

    def __post_init__(self) -> None:
        _check_range(self.margin, 1.0, "the margin of a paired rule")
        _check_can_fail(self.margin < 1, "a margin of a paired rule", self.margin)
        if not 0.5 <= self.confidence < 1:
            raise ConfigError(
                "the confidence of a paired rule is out of range",
                expected="0.5 to less than 1",
                got=self.confidence,
                remedy="write 0.95 for 95 %",
            )

    @property
    def name(self) -> str:
        requirement = "not worse" if self.require == "not shown worse" else self.require
        return f"{requirement} than {self.against} {self.on}"

    @property
    def needed(self) -> str:
        """What must hold, in words."""
        margin, confidence = 100 * self.margin, 100 * self.confidence
        return f"{self.require} by more than {margin:g} points, at {confidence:.4g} % confidence"


# Models that differ only in the seed differ by up to 1.8 points on Fashion-MNIST, and by up to 30
# points in one class, shirts. docs/explanation/gate.md says what these margins block.
DEFAULT_PAIRED = (
    Paired(margin=0.015),
    Paired(margin=0.3, on=EACH_CLASS),
    Paired(margin=0.025, against="best"),
)

# The names of the rules that always hold, as `penstock push --override` takes them.
COMPARABLE = "baseline comparable"
NOT_REPLACED = "not replaced"
PREDICTED = "every class predicted"
NOT_CONSTANT = "not constant"
FINITE = "no NaN"
SUM = "probabilities sum to 1"
PARITY = "parity"
TRANSFORM = "transform graph"
ALONE = "same answers alone"
TRAINED_ON = "no image trained on"
SANITY = (PREDICTED, NOT_CONSTANT, FINITE, SUM, PARITY, TRANSFORM, ALONE, TRAINED_ON)


BRIGHTNESS = "brightness"  # the slice that is computed from the pixels


def slice_name(slice_: str) -> str:
    """Return the name of a slice in rules and reports: of an import path the function's name."""
    return slice_.rpartition(":")[2]


def slice_features(slices: Sequence[str]) -> list[str]:
    """Select the slices that are defined by a feature of the examples."""
    return [name for name in slices if ":" not in name and name != BRIGHTNESS]


def check_slice_features(slices: Sequence[str], features: Collection[str]) -> None:
    """Check that the examples have the feature of each slice.

    Args:
        slices: as the config names them.
        features: the features of the examples.

    Raises:
        ConfigError: no example has the feature; the close matches are named.
    """
    for name in slice_features(slices):
        if name not in features:
            raise ConfigError(
                f"evaluate.slices names {name!r}, a feature that no example has",
                expected='a feature, "brightness", or the import path of a function of images',
                got=f"examples with {', '.join(sorted(features))}",
                remedy=suggest_names(name, [*features, BRIGHTNESS])
                + "; a column of a table becomes a feature by ingest.features",
            )


def check_subjects(
    rules: Sequence[Threshold | Change | Paired],
    class_names: Sequence[str],
    slices: Sequence[str],
) -> None:
    """Check the images that the rules are about, before a model is trained.

    Args:
        rules: of any kind.
        class_names: of the data.
        slices: as the config names them.

    Raises:
        ConfigError: a rule is about a class or a slice that does not exist; the close matches are
            named.
    """
    features = [slice_name(name) for name in slices]
    subjects = [OVERALL, EACH_CLASS, *class_names, *(EACH + name for name in features)]
    for rule in rules:
        of_slice = re.match(r"(.+?)=", rule.on)
        if rule.on not in subjects and not (of_slice and of_slice[1] in features):
            raise ConfigError(
                f"a rule names {rule.on!r}, which is neither a class nor a slice of the data",
                remedy=suggest_names(rule.on, subjects),
            )


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The tolerances of the sanity rules."""

    unpredicted_classes: int = 0
    """Number of classes that the model may never predict although the split has images of them."""
    trained_on_share: float = 0.001
    """Share of the split that may also be in the training data: published datasets repeat some
    images."""
    parity: float = 1e-5
    """Largest difference of any probability between the exported and the trained model."""
    alone: float = 1e-3
    """Largest difference of any probability between an image asked alone and the same image in a
    batch. Sums in float32 depend on the size of the batch: large logits make 2e-5 of it."""

    def __post_init__(self) -> None:
        for name in ("trained_on_share", "parity", "alone"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"evaluate.allowed.{name} is out of range",
                    expected="0 to 1",
                    got=getattr(self, name),
                    remedy="set a value in this range in evaluate",
                )
        if self.unpredicted_classes < 0:
            raise ConfigError(
                "evaluate.allowed.unpredicted_classes is out of range",
                expected="0 or more",
                got=self.unpredicted_classes,
                remedy="set a number of classes from 0 in evaluate",
            )
