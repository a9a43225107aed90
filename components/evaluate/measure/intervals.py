"""What chance can do: intervals of proportions, of means, and of losses on the same images."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import optimize, special

from components.evaluate.paired_loss import tango_score
from data.base.wilson import wilson_bounds


def normal_quantile(share: float) -> float:
    """What a standard normal number stays below so often."""
    return float(special.ndtri(share))


def wilson_interval(successes: int, trials: int, confidence: float) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion: never of width 0, not even for 36 of 36.

    None where there were no trials.
    """
    if not trials:
        return None
    z = normal_quantile((1 + confidence) / 2)
    low, high = wilson_bounds(successes / trials, trials, z)
    return (low if successes else 0.0), (high if successes < trials else 1.0)


def mean_interval(
    total: float, squares: float, number: int, confidence: float
) -> tuple[float, float] | None:
    """The normal interval of a mean, from sum and sum of squares; None for less than two."""
    if number < 2 or not math.isfinite(total):
        return None
    mean = total / number
    variance = max(squares / number - mean**2, 0.0) * number / (number - 1)
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(variance / number)
    return mean - half, mean + half


@lru_cache(maxsize=1 << 16)  # many classes have the same counts
def loss_interval(lost: int, won: int, images: int, confidence: float) -> tuple[float, float]:
    """Tango's score interval of how much smaller a share the candidate has right.

    Tango, Statistics in Medicine 17 (1998) 891-908: for the difference of proportions on the same
    images, sound near 0 and for few differences.

    Args:
        lost: images that only the reference has right.
        won: images that only the candidate has right.
        images: all of them, more than 0.
        confidence: of each of the two bounds.

    Returns:
        The least and the greatest loss that the images do not contradict, within -1 to 1.
    """
    z = normal_quantile(confidence)

    def bound(low: float, high: float, wanted: float) -> float:
        def distance(margin: float) -> float:
            return float(tango_score(lost, won, images, margin)) - wanted

        if distance(low) * distance(high) > 0:
            return low if wanted > 0 else high
        return float(optimize.brentq(distance, low, high, xtol=1e-7))

    seen, edge = (lost - won) / images, 1 - 1e-9
    low, high = bound(-edge, max(seen, -edge), z), bound(min(seen, edge), edge, -z)
    return min(low, seen), max(high, seen)
