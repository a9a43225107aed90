"""Hold the measurements of a split: the metrics of each slice, and the pairwise comparisons."""

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
    """A model that the candidate is compared with."""

    digest: str
    version: int | None = None  # under the serving directory; None: it is not there
    trouble: str = ""  # why it cannot be evaluated; empty if it can
    whole: bool = True  # it exists, and its bytes are unchanged
    # name and bound of each rule that it met when it was pushed
    met: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SanityFacts:
    """Facts that the sanity rules need besides the counts. None: not known."""

    # largest difference of a probability between the bundle and the trained model
    parity: float | None = None
    # largest difference between the transformed images in the bundle and in the training
    transform: float | None = None
    # largest difference of a probability between an image in one batch and in other batches
    alone: Difference | None = None
    # variables of the bundle that differ in any bit from the trained ones
    changed_weights: int | None = None
    # variables of the bundle that are NaN or infinite
    unsound_weights: int = 0
    # images of the split that the model or its ancestors were trained on
    trained_on: int | None = None
    # indices in the split of the first of these images
    trained_on_indices: tuple[int, ...] = ()
    # if the candidate is a version that served before: that version, and the one that replaced it
    replaced: tuple[int, int] | None = None


@dataclass(frozen=True)
class View:
    """One slice: the metrics of each model, and a table of two by two for each reference.

    The first axis of a table says whether the candidate is right, the second whether the reference
    is.
    """

    metrics: Mapping[str, dict[str, Any]]
    pairs: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The measurements of one pass over a split."""

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
        """Describe each model: {"overall", "classes", "slices"}, as in `verdict.json`."""
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
        """Return the slices that a rule is about, by name; none if there are no such images."""
        if on == OVERALL:
            return {on: self._view_images(self.tally, "overall", None)}
        if on == EACH_CLASS:
            return {name: self._view_class(row, name) for row, name in enumerate(self.class_names)}
        if on in self.class_names:
            return {on: self._view_class(self.class_names.index(on), on)}
        start = f"{on.removeprefix(EACH)}=" if on.startswith(EACH) else None
        names = [n for n in self.slices if (n.startswith(start) if start else n == on)]
        return {name: self._view_images(self.slices[name], "slices", name) for name in names}

    def _view_images(self, tally: Tally, group: str, name: str | None) -> View:
        groups = {model: metrics[group] for model, metrics in self.metrics.items()}
        metrics = {model: m if name is None else m[name] for model, m in groups.items()}
        return View(metrics, {r: right.sum(axis=0) for r, right in tally.right.items()})

    def _view_class(self, row: int, name: str) -> View:
        return View(
            {model: metrics["classes"][name] for model, metrics in self.metrics.items()},
            {reference: right[row] for reference, right in self.tally.right.items()},
        )

    @property
    def accuracy(self) -> float | None:
        """The overall accuracy of the candidate."""
        return self.metrics[CANDIDATE]["overall"]["accuracy"]  # type: ignore[no-any-return]
