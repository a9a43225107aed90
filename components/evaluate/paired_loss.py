"""Test exactly whether one model is worse than another by more than a margin, on the same images.

The statistic is Tango's score (Statistics in Medicine 17, 1998, 891-908). The p-value is the
probability of reaching it, summed over all outcomes, for the worst true parameter in a confidence
range (Berger and Boos, JASA 89, 1994, 1012-1016).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import special

# Share of the level: probability that the true parameter lies outside the searched range. It is
# added to the p-value.
_OUTSIDE = 1e-3
# Parameters tried: in the whole range, then twice more around the worst one.
_TRIED = (33, 9, 9)


def tango_score(
    lost: np.ndarray | float, won: np.ndarray | float, images: int, margin: float
) -> np.ndarray:
    """Compute Tango's statistic: about standard normal if the true loss is `margin`.

    Args:
        lost: images that only the reference has right, any shape.
        won: images that only the candidate has right, of the same shape.
        images: number of all images, more than 0.
        margin: difference of the shares of images that they have right, -1 to 1.
    """
    a = 2.0 * images
    b = -lost - won + (2 * images - lost + won) * margin
    c = -won * margin * (1 - margin)
    q = (np.sqrt(np.maximum(b * b - 4 * a * c, 0)) - b) / (2 * a)
    variance = images * (2 * q + margin * (1 - margin))
    difference = np.asarray(lost - won - images * margin)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = difference / np.sqrt(np.maximum(variance, 0))
    return np.where(difference == 0, 0.0, statistic)


@lru_cache(maxsize=1 << 16)  # many classes have the same counts
def p_value_of_loss(lost: int, won: int, images: int, margin: float, level: float) -> float:
    """Compute the probability of such a loss by chance if the true loss is at most `margin`.

    Args:
        lost: images that only the reference has right.
        won: images that only the candidate has right.
        images: number of all images, more than 0.
        margin: difference of the shares of images that they have right, -1 to 1.
        level: the level that the p-value is compared with, more than 0. The range of parameters
            that is searched has a confidence of 1 - level / 1000.

    Returns:
        The one-sided p-value, 0-1. Small: the loss is shown to be more than the margin. To show
        that it is at most the margin, use `p_value_of_loss(won, lost, images, -margin, level)`. If
        the true loss is at most the margin, the p-value is below `level` with a probability of at
        most `level`.
    """
    outside = _OUTSIDE * level
    low, high = _open_range(lost, won, images, margin, outside)
    if low >= high:  # the images contradict the margin, in one direction or the other
        return outside if (lost - won) / images > margin else 1.0
    reached = float(tango_score(lost, won, images, margin)) - 1e-9
    ignored = outside / 1000
    winnings = _likely(low, high, images, ignored)
    least = _least_lost(winnings, images, margin, reached)
    worst = 0.0
    for number in _TRIED:
        truths = np.linspace(low, high, number)
        tails = _tails(truths, winnings, least, images, margin)
        at = int(tails.argmax())
        worst = max(worst, float(tails[at]))
        low, high = truths[max(at - 1, 0)], truths[min(at + 1, number - 1)]
    return min(1.0, worst + 2 * ignored + outside)


def fewest_images(margin: float, level: float) -> int:
    """Compute the fewest images with which any result can show a loss of more than `margin`.

    The strongest result is that all n images are lost. If the true loss is the margin, and the
    models differ on all images, its probability is ((1 + margin) / 2)^n.

    Args:
        margin: more than -1, less than 1.
        level: as for `p_value_of_loss`, less than 1.
    """
    return math.ceil(math.log(level * (1 - 2 * _OUTSIDE)) / math.log((1 + margin) / 2))


def _open_range(
    lost: int, won: int, images: int, margin: float, outside: float
) -> tuple[float, float]:
    """Compute the range of the true share of images that only the candidate has right.

    At the margin this share determines the other one. The range joins the intervals of both, by
    Clopper and Pearson (Biometrika 26, 1934, 404-413).
    """
    (lost_low, lost_high), (won_low, won_high) = (
        _clopper_pearson(k, images, outside / 4) for k in (lost, won)
    )
    low = max(-margin, won_low, lost_low - margin, 0.0)
    return low, min((1 - margin) / 2, won_high, lost_high - margin)


def _clopper_pearson(successes: int, trials: int, edge: float) -> tuple[float, float]:
    """Compute the exact interval of a proportion; it lies beyond either end with `edge`."""
    low = special.betaincinv(successes, trials - successes + 1, edge) if successes else 0.0
    high = (
        special.betainccinv(successes + 1, trials - successes, edge) if successes < trials else 1.0
    )
    return float(low), float(high)


def _likely(low: float, high: float, images: int, ignored: float) -> np.ndarray:
    """List the numbers of won images that are likely, except for `ignored` at either end.

    Bernstein's inequality: P(X - np >= t) <= exp(-t² / (2 (np(1 - p) + t / 3))), and so below.
    """
    rarity = -math.log(ignored)

    def reach(share: float) -> float:
        variance = images * share * (1 - share)
        return rarity / 3 + math.sqrt(rarity**2 / 9 + 2 * variance * rarity)

    first = max(0, math.floor(images * low - reach(low)))
    last = min(images, math.ceil(images * high + reach(high)))
    return np.arange(first, last + 1)


def _least_lost(won: np.ndarray, images: int, margin: float, reached: float) -> np.ndarray:
    """Find for each number won the fewest lost images that reach the statistic.

    It is one more than there are if none reach it. By bisection: the statistic grows with the lost
    images (Barnard's convexity).
    """
    low, high = np.full_like(won, -1), images - won + 1
    while (high - low > 1).any():
        middle = np.maximum((low + high) // 2, 0)
        enough = tango_score(middle, won, images, margin) >= reached
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _tails(
    truths: np.ndarray, won: np.ndarray, least: np.ndarray, images: int, margin: float
) -> np.ndarray:
    """Compute P(statistic reached) for each true share won.

    It is a binomial of the won images, times a binomial of the lost ones among the rest.

    Args:
        truths: (t,) true shares of images that only the candidate has right, 0-1.
        won: (w,) numbers of images.
        least: (w,) fewest images lost, from 0 to one more than there are.
    """
    q = truths[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(q < 1, ((q + margin) / (1 - q)), 0.0).clip(0, 1)  # lost, of those not won
    rest = images - won
    chances = special.betainc(np.maximum(least, 1), np.maximum(rest - least + 1, 1), p)
    chances = np.where(least == 0, 1.0, np.where(least > rest, 0.0, chances))
    ways = -special.betaln(won + 1, rest + 1) - math.log1p(images)
    of_won = np.exp(ways + special.xlogy(won, q) + special.xlog1py(rest, -q))
    total: np.ndarray = (of_won * chances).sum(axis=1)
    return total
