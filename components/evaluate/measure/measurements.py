"""What was measured, as the rules look at it: of each slice the metrics, and how pairs did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from components.evaluate.measure.counts import CANDIDATE, Tally
from components.evaluate.measure.metrics import describe, describe_overall
from components.evaluate.rules import EACH, EACH_CLASS, OVERALL
from serving_export.parity.batch_independence import Difference


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Another model that the candidate is held against."""

    digest: str
    version: int | None = None  # under the serving directory, if it lies there
    trouble: str = ""  # why it cannot be compared with; empty where it can
    whole: bool = True  # it is there, and no byte of it changed
    # the rules that it met when it was pushed: names, and what was needed
    met: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SanityFacts:
    """What the sanity rules need besides the counts."""

    # largest difference of a probability between the bundle and the trained model; None: not known
    parity: float | None = None
    # the same of what the model is fed; None: not known
    transform: float | None = None
    # the same between images asked about together and in other arrangements; None: not asked
    alone: Difference | None = None
    # variables of the bundle that are not bit for bit those that were trained; None: not known
    changed_weights: int | None = None
    # of the bundle
    unsound_weights: int = 0
    # images of the split that the model or its ancestors were trained on; None: not known
    trained_on: int | None = None
    # places in the split of the first of them, from 0
    trained_on_indices: tuple[int, ...] = ()
    # the version that this very model was, and the one that serves now in its place
    replaced: tuple[int, int] | None = None


@dataclass(frozen=True)
class View:
    """One slice: metrics of each model, and a table of two by two for each reference.

    A table's first axis says whether the candidate is right, the second whether the reference is.
    """

    metrics: Mapping[str, dict[str, Any]]
    pairs: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """One pass over a split."""

    split: str
    class_names: tuple[str, ...]
    tally: Tally
    slices: Mapping[str, Tally] = field(default_factory=dict)  # "feature=value" → its tally
    facts: SanityFacts = field(default_factory=SanityFacts)
    baseline: Reference | None = None
    best: Reference | None = None
    confidence: float = 0.95  # of the intervals

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Model → {"overall", "classes", "slices"}: the metrics as `verdict.json` has them."""
        return {
            model: {
                **describe(self.tally.models[model], self.class_names, self.confidence),
                "slices": {
                    name: describe_overall(tally.models[model], self.confidence)
                    for name, tally in sorted(self.slices.items())
                },
            }
            for model in self.tally.models
        }

    def views(self, on: str) -> dict[str, View]:
        """The slices that a rule is on, by name; an unknown one is a slice without images."""
        if on == OVERALL:
            return {on: self._whole(self.tally, "overall", None)}
        if on == EACH_CLASS:
            return {name: self._class(row, name) for row, name in enumerate(self.class_names)}
        if on in self.class_names:
            return {on: self._class(self.class_names.index(on), on)}
        start = f"{on.removeprefix(EACH)}=" if on.startswith(EACH) else None
        names = [n for n in self.slices if (n.startswith(start) if start else n == on)]
        return {name: self._whole(self.slices[name], "slices", name) for name in names}

    def _whole(self, tally: Tally, group: str, name: str | None) -> View:
        found = {model: known[group] for model, known in self.metrics.items()}
        metrics = {model: m if name is None else m[name] for model, m in found.items()}
        return View(metrics, {r: right.sum(axis=0) for r, right in tally.right.items()})

    def _class(self, row: int, name: str) -> View:
        return View(
            {model: known["classes"][name] for model, known in self.metrics.items()},
            {reference: right[row] for reference, right in self.tally.right.items()},
        )

    @property
    def accuracy(self) -> float | None:
        """The candidate's, overall."""
        return self.metrics[CANDIDATE]["overall"]["accuracy"]  # type: ignore[no-any-return]
