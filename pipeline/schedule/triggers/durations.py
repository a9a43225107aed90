"""Parses and formats durations: 90s, 10m, 6h, 2d, 1w, 1h30m."""

from __future__ import annotations

import re

from data.errors import ConfigError

_UNITS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"([0-9.]+)([wdhms])")
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?[wdhms])+")


def parse_duration(text: str) -> float:
    """Parse a duration, such as 90s or 1h30m, into seconds.

    Raises:
        ConfigError: `text` is not a duration.
    """
    if not _WHOLE.fullmatch(text.strip().lower()):
        raise ConfigError(
            f"invalid duration {text!r}",
            expected="numbers with a unit: 90s, 10m, 6h, 2d, 1w, 1h30m",
        )
    return sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text.strip().lower()))


def format_duration(length: float) -> str:
    """Write seconds as `parse_duration` reads them, in at most two units."""
    if length < 1:
        return f"{length:g}s"
    left, parts = float(round(length)), []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    return "".join(parts[:2])
