"""What chance can do: intervals of proportions and means, and tests on paired images."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import optimize, special, stats

FEW = 25  # images on which two models differ: up to here the exact test decides
_OUTSIDE = 1e-4  # probability that the nuisance parameter lies outside the range searched


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion: never of width 0, not even for 36 of 36.

    Wilson, JASA 22 (1927) 209-212. None where there were no trials.
    """
    if not trials:
        return None
    found = stats.binomtest(successes, trials).proportion_ci(confidence, "wilson")
    return float(found.low), float(found.high)


def of_mean(
    total: float, squares: float, number: int, confidence: float
) -> tuple[float, float] | None:
    """The normal interval of a mean, from sum and sum of squares; None for less than two."""
    if number < 2 or not math.isfinite(total):
        return None
    mean = total / number
    variance = max(squares / number - mean**2, 0.0) * number / (number - 1)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(variance / number)
    return mean - half, mean + half


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
    z = float(stats.norm.ppf(confidence))

    def bound(low: float, high: float, wanted: float) -> float:
        def distance(margin: float) -> float:
            return (
                float(_score(np.array(float(lost)), np.array(float(won)), images, margin)) - wanted
            )

        if distance(low) * distance(high) > 0:
            return low if wanted > 0 else high
        return float(optimize.brentq(distance, low, high, xtol=1e-7))

    seen, edge = (lost - won) / images, 1 - 1e-9
    low, high = bound(-edge, max(seen, -edge), z), bound(min(seen, edge), edge, -z)
    return min(low, seen), max(high, seen)


def p_lost_more(lost: int, won: int, images: int, margin: float) -> float:
    """How likely chance alone shows such a loss though the true one is no more than `margin`.

    Tango's score test; where the models differ on at most `FEW` images, the exact unconditional
    test with the same statistic, its nuisance parameter searched over a confidence set: Berger and
    Boos, JASA 89 (1994) 1012-1016.

    Args:
        lost: images that only the reference has right.
        won: images that only the candidate has right.
        images: all of them, more than 0.
        margin: difference of the shares that they have right, -1 to 1.

    Returns:
        The one-sided p-value, 0-1. Small: the loss is shown to be more than the margin. Of no more
        than a margin it is shown by `p_lost_more(won, lost, images, -margin)`.
    """
    score = float(_score(np.array(float(lost)), np.array(float(won)), images, margin))
    if lost + won > FEW:
        return float(stats.norm.sf(score))
    # Both cells follow from one number, the share `q` of images that only the candidate has right;
    # its range is what was seen of either cell, as the margin ties them.
    (lost_low, lost_high), (won_low, won_high) = (_clopper_pearson(k, images) for k in (lost, won))
    low = max(-margin, won_low, lost_low - margin, 0.0)
    high = min((1 - margin) / 2, won_high, lost_high - margin)
    if low >= high:  # what was seen contradicts the margin, one way or the other
        return _OUTSIDE if (lost - won) / images > margin else 1.0
    p_won = np.linspace(low, high, 25)
    found = _tails(score, (p_won + margin).clip(0, 1), p_won.clip(0, 1), images, margin)
    return min(1.0, max(found) + _OUTSIDE)


def _clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """The exact interval that a proportion lies outside of at most half of `_OUTSIDE` of times."""
    edge = _OUTSIDE / 4
    low = stats.beta.ppf(edge, successes, trials - successes + 1) if successes else 0.0
    high = stats.beta.isf(edge, successes + 1, trials - successes) if successes < trials else 1.0
    return float(low), float(high)


def _score(lost: np.ndarray, won: np.ndarray, images: int, margin: float) -> np.ndarray:
    """Tango's statistic, standard normal where the true loss is `margin`."""
    a = 2.0 * images
    b = -lost - won + (2 * images - lost + won) * margin
    c = -won * margin * (1 - margin)
    q = (np.sqrt(np.maximum(b * b - 4 * a * c, 0)) - b) / (2 * a)
    variance = images * (2 * q + margin * (1 - margin))
    difference = lost - won - images * margin
    with np.errstate(divide="ignore", invalid="ignore"):
        score = difference / np.sqrt(np.maximum(variance, 0))
    return np.where(difference == 0, 0.0, score)


def _tails(
    score: float, p_lost: np.ndarray, p_won: np.ndarray, images: int, margin: float
) -> Iterator[float]:
    """P(statistic >= score) for each pair of the two cells' probabilities."""
    ends = stats.binom.ppf([[1e-9], [1 - 1e-9]], images, np.stack([p_lost, p_won])[:, None])
    for p, q, (lost_ends, won_ends) in zip(p_lost, p_won, np.moveaxis(ends, 2, 0), strict=True):
        lost = np.arange(lost_ends[0], lost_ends[1] + 1)[:, None]
        won = np.arange(won_ends[0], won_ends[1] + 1)[None, :]
        rest = min(1.0, q / (1 - p)) if p < 1 else 0.0
        some = _binomial(lost, images, p) * _binomial(won, images - lost, rest)
        reached = _score(lost, won, images, margin) >= score - 1e-9
        # What lies outside the window counts as reached: at most 4e-9, and on the safe side.
        yield float(some[reached].sum()) + 4e-9


def _binomial(successes: np.ndarray, trials: int | np.ndarray, p: float) -> np.ndarray:
    """Probabilities; `stats.binom.pmf` takes five times as long, to check what it is given."""
    failures = np.maximum(trials - successes, 0)
    ways = -special.betaln(successes + 1, failures + 1) - np.log1p(successes + failures)
    chances = special.xlogy(successes, p) + special.xlog1py(failures, -p)
    return np.where(successes <= trials, np.exp(ways + chances), 0.0)
