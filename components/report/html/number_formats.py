"""Numbers as the report prints them; a dash where there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluate.provenance import describe_spans

NONE = "–"
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None) -> str:
    """Four decimals, as everywhere in Penstock."""
    return NONE if value is None else f"{value:.4f}"


def interval(bounds: Sequence[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def percent(share: float) -> str:
    """A probability: 98.2 %; never 100 % or 0 % unless it is."""
    shown = f"{100 * share:.1f}"
    if shown == "100.0" and share < 1:
        shown = "> 99.9"
    elif shown == "0.0" and share > 0:
        shown = "< 0.1"
    return f"{shown} %"


def change(value: float | None, before: float | None) -> str:
    """The difference to what was before, with its sign."""
    if value is None or before is None:
        return NONE
    return signed(value - before)


def signed(difference: float) -> str:
    """Four decimals with a sign; a plain 0 where all of them are."""
    shown = f"{abs(difference):.4f}"
    if float(shown) == 0:
        return "0"
    return f"{'+' if difference > 0 else _MINUS}{shown}"


def signed_count(difference: int) -> str:
    if difference == 0:
        return ""
    return f"{'+' if difference > 0 else _MINUS}{abs(difference):,}"


def short(value: int) -> str:
    """A count in at most five characters, for charts: 940, 9.4k, 94k, 1.2M."""
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 9.95 else f"{scaled:.0f}{letter}"
    return str(value)


def seconds(value: float) -> str:
    if value < 60:
        return f"{value:.1f} s"
    minutes = math.floor(value / 60)
    return f"{minutes:,} min {value - 60 * minutes:.0f} s"


def moment(epoch: float) -> str:
    """A time of day where this machine stands."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(epoch)).strip()


def spans(of: Mapping[str, Any]) -> str:
    """The spans of a window, and what was left out and why."""
    return "; ".join(filter(None, describe_spans(of)))
