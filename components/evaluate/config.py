"""Define the config of Evaluate: what is judged, by which rules, and against which models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.evaluate.rules import DEFAULT_PAIRED, Allowed, Change, Paired, Threshold, slice_name
from data.base.field_meanings import show_meanings
from data.errors import ConfigError
from serving_export.model_store.baseline import ReferenceModels


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Evaluate."""

    split: str = "test"
    """Split of the examples that the model is judged on."""
    thresholds: tuple[Threshold, ...] = ()
    """Floors and ceilings of metrics. With no threshold and no other rule that applies the gate is
    not configured, and nothing is pushed."""
    changes: tuple[Change, ...] = ()
    """How much worse than the baseline a metric may be. These rules ignore chance."""
    paired: tuple[Paired, ...] = DEFAULT_PAIRED
    """Comparisons of accuracy with the baseline and with the best version ever pushed, image by
    image. These rules allow for chance."""
    allowed: Allowed = Allowed()  # noqa: RUF009  (frozen)
    """Tolerances of the sanity rules, which always hold."""
    slices: tuple[str, ...] = ()
    """Further slices to measure: a feature of the examples (such as a column of a table that
    ingest.features names), "brightness", or the import path of a function of images."""
    min_examples: int = 20
    """Fewest images that a slice must have for a rule on it to be decided."""
    baseline: Literal["serving", "none"] = "serving"
    """What the candidate is compared with: the model that serves now, or none (only absolute rules
    decide)."""
    confidence: float = 0.95
    """Confidence level of the intervals beside the metrics, 0 to 1."""
    against: ReferenceModels | None = None
    """The models to compare with, by digest. Filled in when the step is planned; you need not set
    it."""

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
                "evaluate.min_examples is out of range",
                expected="1 or more",
                got=self.min_examples,
                remedy="--set evaluate.min_examples=20, for example",
            )
        _check_unique(
            [rule.name for rule in self.rules], "rules", "one --override would apply to both"
        )
        _check_unique([slice_name(name) for name in self.slices], "slices", "rules are ambiguous")

    @property
    def own_code(self) -> tuple[str, ...]:
        """The import paths of functions that define slices."""
        return tuple(name for name in self.slices if ":" in name)

    @property
    def rules(self) -> tuple[Threshold | Change | Paired, ...]:
        return (*self.thresholds, *self.changes, *self.paired)


def _check_unique(names: Sequence[str], what: str, follows: str) -> None:
    repeated = [name for name, number in Counter(names).items() if number > 1]
    if repeated:
        raise ConfigError(
            f"evaluate has two {what} named {repeated[0]!r}",
            expected="a different name for each",
            follows=follows,
            remedy="remove one of them",
        )
