"""Format numbers for the report; a missing number is a dash."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluate.provenance import describe_spans

NONE = "–"
_MINUS = "\N{MINUS SIGN}"


def format_number(value: float | None) -> str:
    """Format with four decimals."""
    return NONE if value is None else f"{value:.4f}"


def format_interval(bounds: Sequence[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def format_count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def format_percent(share: float) -> str:
    """Format a probability as 98.2 %; 100 % and 0 % only if it is exactly that."""
    shown = f"{100 * share:.1f}"
    if shown == "100.0" and share < 1:
        shown = "> 99.9"
    elif shown == "0.0" and share > 0:
        shown = "< 0.1"
    return f"{shown} %"


def format_change(value: float | None, before: float | None) -> str:
    """Format a difference of accuracy in points, with its sign."""
    if value is None or before is None:
        return NONE
    return format_signed(value - before)


def format_signed(difference: float) -> str:
    """Format a difference of shares as points with a sign; 0 if it rounds to 0."""
    points = f"{100 * abs(difference):.2f}"
    if float(points) == 0:
        return "0"
    return f"{'+' if difference > 0 else _MINUS}{points}"


def format_signed_count(difference: int) -> str:
    if difference == 0:
        return ""
    return f"{'+' if difference > 0 else _MINUS}{abs(difference):,}"


def shorten_count(value: int) -> str:
    """Format a count with at most five characters, for charts: 940, 9.4k, 94k, 1.2M."""
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 9.95 else f"{scaled:.0f}{letter}"
    return str(value)


def format_seconds(value: float) -> str:
    if value < 60:
        return f"{value:.1f} s"
    minutes = math.floor(value / 60)
    return f"{minutes:,} min {value - 60 * minutes:.0f} s"


def format_moment(epoch: float) -> str:
    """Format a time in the time zone of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(epoch)).strip()


def format_spans(of: Mapping[str, Any]) -> str:
    """Name the spans of a window, and the spans left out with the reasons."""
    return "; ".join(filter(None, describe_spans(of)))
