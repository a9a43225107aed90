"""Compute Wilson's score interval of a proportion, JASA 22 (1927) 209-212."""

from __future__ import annotations

import math


def wilson_bounds(share: float, trials: int, z: float) -> tuple[float, float]:
    """Return the lower and upper bound of Wilson's interval for an observed proportion.

    Args:
        share: observed, 0 to 1.
        trials: number of observations, more than 0.
        z: quantile of the normal distribution: 1.96 for a 95 % interval.
    """
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    low, high = ((middle + sign * half) / (1 + z * z / trials) for sign in (-1, 1))
    return low, high
