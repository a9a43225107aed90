"""Classes and slices of the candidate beside the baseline's, and an axis for their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

WIDTH = 120  # of an interval's picture, in SVG units
_EDGE = 4  # left and right of the axis: room for half a dot


class Compared(NamedTuple):
    """One class or slice."""

    name: str
    candidate: dict[str, Any]  # its metrics, as in verdict.json
    baseline: dict[str, Any] | None
    pair: dict[str, int] | None  # both_right, only_candidate, only_reference, neither


class Axis(NamedTuple):
    """From `low` to 1, for proportions; `width` is the picture's."""

    low: float
    width: int = WIDTH

    def at(self, value: float) -> float:
        """Where a value lies in the picture."""
        share = (max(value, self.low) - self.low) / (1 - self.low)
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)


def compared(verdict: Mapping[str, Any], group: str) -> list[Compared]:
    """The "classes" or the "slices" of a verdict, in its order."""
    metrics, pairs = verdict["metrics"], verdict["paired"]["baseline"]
    before = metrics["baseline"]
    return [
        Compared(
            name,
            found,
            before[group].get(name) if before else None,
            pairs[group].get(name) if pairs else None,
        )
        for name, found in metrics["candidate"][group].items()
    ]


def axis(rows: Iterable[Compared]) -> Axis:
    """One that holds the accuracies' intervals of all rows, from a tenth up."""
    shown = [m for row in rows for m in (row.candidate, row.baseline) if m]
    lows = [m["accuracy_interval"][0] for m in shown if m["accuracy_interval"]]
    return Axis(min(0.9, math.floor(10 * min(lows, default=0)) / 10))


def ranks(metrics: Mapping[str, Any]) -> list[str]:
    """Which top-k to show: few of those that were measured, the smallest and round ones."""
    return [k for k in ("2", "3", "5", "10") if k in metrics["top_k"]]


def rule_groups(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The rules under headings, by where they come from; no heading without rules."""
    groups: dict[str, list[Mapping[str, Any]]] = {
        "Set by the config": [],
        "What serves": [],
        "Always on": [],
    }
    headings = {"serving": "What serves", "sanity": "Always on"}
    for rule in rules:
        groups[headings.get(rule["kind"], "Set by the config")].append(rule)
    return [(heading, found) for heading, found in groups.items() if found]
