"""What may be asked of a model: the rules of the gate, as config.

Each is checked when it is made. `on` says of which images: "overall", "each class", the name of
one class, "each FEATURE" or "FEATURE=VALUE" of a slice that `evaluate.slices` names. Where it
says "each", the worst decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from data.errors import ConfigError, suggest_names

OVERALL = "overall"
EACH = "each "
EACH_CLASS = EACH + "class"

# metric → the greatest value it can have, and whether more of it is better
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
            expected="0 to 1" if greatest == 1 else "a number from 0",
            got=value,
            remedy="mend it in evaluate",
        )


def _check_can_fail(can: bool, what: str, got: float) -> None:
    """A rule that nothing fails would make the gate look configured."""
    if not can:
        raise ConfigError(
            f"{what} that every model meets is no rule",
            expected="a bound that a bad model fails",
            got=got,
            remedy="set another bound in evaluate, or leave the rule out",
        )


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a metric must reach: exactly one of `at_least` and `at_most`, both inclusive.

    Raises:
        ConfigError: no such metric; neither bound or both; a bound that no value could pass, or
            none fail.
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


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much worse than the baseline's a metric's value may be, in the metric's own unit.

    Compares two numbers and knows nothing of chance: for metrics that no paired rule judges, such
    as the loss. The value may equal the bound.
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


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The candidate against another model, on the same images: is its accuracy worse?

    "not shown worse" fails where the images show, with the confidence, that the candidate has more
    than `margin` fewer of them right. "shown no worse" is stricter: it fails unless they show that
    it has at most `margin` fewer right. See `paired_loss.p_value_of_loss` for the test.
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
        words = "not worse" if self.require == "not shown worse" else self.require
        return f"{words} than {self.against} {self.on}"

    @property
    def needed(self) -> str:
        """What must hold, in words."""
        return f"{self.require} by more than {self.margin:g}, {100 * self.confidence:.4g} % sure"


# Honest trainings differ: on Fashion-MNIST by up to 1.8 points from seed to seed, and in one class,
# shirts, by 30. docs/explanation/gate.md has what these margins block.
DEFAULT_PAIRED = (
    Paired(margin=0.015),
    Paired(margin=0.3, on=EACH_CLASS),
    Paired(margin=0.025, against="best"),
)

# The rules that always hold, by the names that `penstock push --override` takes.
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


BRIGHTNESS = "brightness"  # the slice that is derived from the pixels by its name alone


def slice_name(slice_: str) -> str:
    """What rules and reports call a slice of the config: a function by its own name."""
    return slice_.rpartition(":")[2]


def slice_features(slices: Sequence[str]) -> list[str]:
    """The slices that are by a feature of the examples."""
    return [name for name in slices if ":" not in name and name != BRIGHTNESS]


def check_slices(slices: Sequence[str], features: Collection[str]) -> None:
    """Check that there are examples with the feature of each slice.

    Args:
        slices: as the config names them.
        features: that the examples have.

    Raises:
        ConfigError: no example has one; with the close matches.
    """
    for name in slice_features(slices):
        if name not in features:
            raise ConfigError(
                f"evaluate.slices names {name!r}, a feature that no example has",
                expected='a feature, "brightness", or the import path of a function of images',
                got=f"examples with {', '.join(sorted(features))}",
                remedy=suggest_names(name, [*features, BRIGHTNESS]),
            )


def check_subjects(
    rules: Sequence[Threshold | Change | Paired],
    class_names: Sequence[str],
    slices: Sequence[str],
) -> None:
    """Check what the rules are on, before a model is trained.

    Args:
        rules: of any kind.
        class_names: of the data.
        slices: as the config names them.

    Raises:
        ConfigError: one is on something that is not there; with the close matches.
    """
    features = [slice_name(name) for name in slices]
    known = [OVERALL, EACH_CLASS, *class_names, *(EACH + name for name in features)]
    for rule in rules:
        of_slice = re.match(r"(.+?)=", rule.on)
        if rule.on not in known and not (of_slice and of_slice[1] in features):
            raise ConfigError(
                f"a rule is set on {rule.on!r}, which is no class and no slice of the data",
                remedy=suggest_names(rule.on, known),
            )


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """How far the sanity rules give way."""

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
                )
        if self.unpredicted_classes < 0:
            raise ConfigError(
                "evaluate.allowed.unpredicted_classes is out of range",
                expected="0 or more",
                got=self.unpredicted_classes,
            )
