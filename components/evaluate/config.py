"""Evaluate's config: what is judged, by which rules, and against which models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.evaluate.rules import DEFAULT_PAIRED, Allowed, Change, Paired, Threshold, slice_name
from data.errors import ConfigError
from serving_export.model_store.baseline import ReferenceModels


@dataclass(frozen=True, kw_only=True)
class Config:
    # the split to evaluate on
    split: str = "test"
    # floors and ceilings; none: the gate is not configured, and nothing is pushed
    thresholds: tuple[Threshold, ...] = ()
    # how much worse than the baseline's a metric may be, chance aside
    changes: tuple[Change, ...] = ()
    # accuracy on the same images, against the baseline and the best version ever pushed
    paired: tuple[Paired, ...] = DEFAULT_PAIRED
    # how far the rules that always hold give way
    allowed: Allowed = Allowed()  # noqa: RUF009  (frozen)
    # further slices: features of the examples, "brightness", or import paths of functions of images
    slices: tuple[str, ...] = ()
    # images that a slice must have for a rule on it to be answered
    min_examples: int = 20
    # serving: the model that serves now; none: absolute rules alone decide
    baseline: Literal["serving", "none"] = "serving"
    # of the intervals beside the numbers, 0 to 1
    confidence: float = 0.95
    # found when the step is planned, by `baseline`
    against: ReferenceModels | None = None

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ConfigError(
                "evaluate.confidence is out of range",
                expected="more than 0 and less than 1",
                got=self.confidence,
                remedy="write 0.95 for 95 %",
            )
        if self.min_examples < 1:
            raise ConfigError(
                "evaluate.min_examples is out of range", expected="1 or more", got=self.min_examples
            )
        _check_unique([rule.name for rule in self.rules], "rules", "one override would be of both")
        _check_unique([slice_name(name) for name in self.slices], "slices", "no rule tells them")

    @property
    def own_code(self) -> tuple[str, ...]:
        """The import paths of functions that make slices."""
        return tuple(name for name in self.slices if ":" in name)

    @property
    def rules(self) -> tuple[Threshold | Change | Paired, ...]:
        return (*self.thresholds, *self.changes, *self.paired)


def _check_unique(names: Sequence[str], what: str, follows: str) -> None:
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise ConfigError(
            f"evaluate has two {what} of the name {twice[0]!r}",
            expected="a name for each",
            follows=follows,
            remedy="leave one of them out",
        )
