"""Compute confidence intervals of proportions, of means, and of losses on the same images."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import optimize, special

from components.evaluate.paired_loss import tango_score
from data.base.wilson import wilson_bounds


def normal_quantile(share: float) -> float:
    """Compute the quantile of the standard normal distribution."""
    return float(special.ndtri(share))


def wilson_interval(successes: int, trials: int, confidence: float) -> tuple[float, float] | None:
    """Compute Wilson's score interval of a proportion; None without trials.

    Its width is never 0, not even for 36 of 36.
    """
    if not trials:
        return None
    z = normal_quantile((1 + confidence) / 2)
    low, high = wilson_bounds(successes / trials, trials, z)
    return (low if successes else 0.0), (high if successes < trials else 1.0)


def mean_interval(
    total: float, squares: float, number: int, confidence: float
) -> tuple[float, float] | None:
    """Compute the normal interval of a mean from sum and sum of squares; None for less than two."""
    if number < 2 or not math.isfinite(total):
        return None
    mean = total / number
    variance = max(squares / number - mean**2, 0.0) * number / (number - 1)
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(variance / number)
    return mean - half, mean + half


@lru_cache(maxsize=1 << 16)  # many classes have the same counts
def loss_interval(lost: int, won: int, images: int, confidence: float) -> tuple[float, float]:
    """Compute Tango's score interval of the loss of accuracy against another model.

    Tango, Statistics in Medicine 17 (1998) 891-908: an interval of the difference of proportions on
    the same images that also holds near 0 and for few differences.

    Args:
        lost: images that only the reference has right.
        won: images that only the candidate has right.
        images: number of all images, more than 0.
        confidence: of each of the two bounds.

    Returns:
        The smallest and the largest loss that the images do not contradict, within -1 to 1.
    """
    z = normal_quantile(confidence)

    def find_bound(low: float, high: float, target: float) -> float:
        def distance(margin: float) -> float:
            return float(tango_score(lost, won, images, margin)) - target

        if distance(low) * distance(high) > 0:
            return low if target > 0 else high
        return float(optimize.brentq(distance, low, high, xtol=1e-7))

    loss, edge = (lost - won) / images, 1 - 1e-9
    low = find_bound(-edge, max(loss, -edge), z)
    high = find_bound(min(loss, edge), edge, -z)
    return min(low, loss), max(high, loss)
