"""Compare the classes and slices of the candidate with the baseline's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

WIDTH = 120  # of an interval's picture, in SVG units
_EDGE = 4  # left and right of the axis, with room for half a dot


class Compared(NamedTuple):
    """A class or slice of the candidate, and of the baseline."""

    name: str
    candidate: dict[str, Any]  # its metrics, as in verdict.json
    baseline: dict[str, Any] | None
    pair: dict[str, int] | None  # both_right, only_candidate, only_reference, neither


class Axis(NamedTuple):
    """An axis for proportions, from `low` to 1; `width` is the width of the picture."""

    low: float
    width: int = WIDTH

    def at(self, value: float) -> float:
        """Compute where a value lies in the picture."""
        share = (max(value, self.low) - self.low) / (1 - self.low)
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)


def compare_groups(verdict: Mapping[str, Any], group: str) -> list[Compared]:
    """Compare the "classes" or the "slices" of a verdict, in its order."""
    metrics, pairs = verdict["metrics"], verdict["paired"]["baseline"]
    before = metrics["baseline"]
    return [
        Compared(
            name,
            candidate,
            before[group].get(name) if before else None,
            pairs[group].get(name) if pairs else None,
        )
        for name, candidate in metrics["candidate"][group].items()
    ]


def choose_axis(rows: Iterable[Compared]) -> Axis:
    """Choose an axis that holds the intervals of all rows; it starts at a multiple of 0.1."""
    shown = [m for row in rows for m in (row.candidate, row.baseline) if m]
    lows = [m["accuracy_interval"][0] for m in shown if m["accuracy_interval"]]
    return Axis(min(0.9, math.floor(10 * min(lows, default=0)) / 10))


def choose_ranks(metrics: Mapping[str, Any]) -> list[str]:
    """Choose which of the measured top-k accuracies to show."""
    return [k for k in ("2", "3", "5", "10") if k in metrics["top_k"]]


def group_rules(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Group the rules under headings, by who set them; headings without rules are left out."""
    groups: dict[str, list[Mapping[str, Any]]] = {
        "Set by the config": [],
        "Serving model": [],
        "Always on": [],
    }
    headings = {"serving": "Serving model", "sanity": "Always on"}
    for rule in rules:
        groups[headings.get(rule["kind"], "Set by the config")].append(rule)
    return [(heading, members) for heading, members in groups.items() if members]
