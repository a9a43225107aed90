"""Is one model worse than another by more than a margin? An exact test on the same images.

The statistic is Tango's score (Statistics in Medicine 17, 1998, 891-908). How likely it is reached
by chance is added up over all outcomes, for the worst of the truths that the images leave open:
Berger and Boos, JASA 89 (1994) 1012-1016.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import special

# Of the level: how likely the truth lies outside the range searched. It is added to the p-value.
_OUTSIDE = 1e-3
# Truths tried: in the whole range, then between the neighbours of the worst, and again.
_TRIED = (33, 9, 9)


def tango_score(
    lost: np.ndarray | float, won: np.ndarray | float, images: int, margin: float
) -> np.ndarray:
    """Tango's statistic, about standard normal where the true loss is `margin`.

    Args:
        lost: images that only the reference has right, any shape.
        won: images that only the candidate has right, of the same shape.
        images: all of them, more than 0.
        margin: difference of the shares that they have right, -1 to 1.
    """
    a = 2.0 * images
    b = -lost - won + (2 * images - lost + won) * margin
    c = -won * margin * (1 - margin)
    q = (np.sqrt(np.maximum(b * b - 4 * a * c, 0)) - b) / (2 * a)
    variance = images * (2 * q + margin * (1 - margin))
    difference = np.asarray(lost - won - images * margin)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = difference / np.sqrt(np.maximum(variance, 0))
    return np.where(difference == 0, 0.0, found)


@lru_cache(maxsize=1 << 16)  # many classes have the same counts
def p_value_of_loss(lost: int, won: int, images: int, margin: float, level: float) -> float:
    """How likely chance alone shows such a loss though the true one is no more than `margin`.

    Args:
        lost: images that only the reference has right.
        won: images that only the candidate has right.
        images: all of them, more than 0.
        margin: difference of the shares that they have right, -1 to 1.
        level: what the p-value will be held against, more than 0. The truths that are searched are
            those that the images do not contradict at a thousandth of it.

    Returns:
        The one-sided p-value, 0-1. Small: the loss is shown to be more than the margin. Of no more
        than a margin it is shown by `p_value_of_loss(won, lost, images, -margin, level)`. Where the
        loss is at most the margin, it is less than `level` at most so often as `level` says.
    """
    outside = _OUTSIDE * level
    low, high = _open_range(lost, won, images, margin, outside)
    if low >= high:  # what was seen contradicts the margin, one way or the other
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
    """How many images there must be for anything to show a loss of more than `margin`.

    All n may be lost by chance where as many are lost as the margin lets of models that differ on
    all of them: with a probability of ((1 + margin) / 2)^n.

    Args:
        margin: more than -1, less than 1.
        level: as `p_value_of_loss` has it, less than 1.
    """
    return math.ceil(math.log(level * (1 - 2 * _OUTSIDE)) / math.log((1 + margin) / 2))


def _open_range(
    lost: int, won: int, images: int, margin: float, outside: float
) -> tuple[float, float]:
    """The shares of images that only the candidate has right which the images leave open.

    At the margin both cells follow from this one number; its range is what was seen of either cell,
    each with Clopper and Pearson's interval (Biometrika 26, 1934, 404-413).
    """
    (lost_low, lost_high), (won_low, won_high) = (
        _clopper_pearson(k, images, outside / 4) for k in (lost, won)
    )
    low = max(-margin, won_low, lost_low - margin, 0.0)
    return low, min((1 - margin) / 2, won_high, lost_high - margin)


def _clopper_pearson(successes: int, trials: int, edge: float) -> tuple[float, float]:
    """The exact interval that a proportion lies below, and above, with a probability of `edge`."""
    low = special.betaincinv(successes, trials - successes + 1, edge) if successes else 0.0
    high = (
        special.betainccinv(successes + 1, trials - successes, edge) if successes < trials else 1.0
    )
    return float(low), float(high)


def _likely(low: float, high: float, images: int, ignored: float) -> np.ndarray:
    """How many may be won, for any share from `low` to `high`, but for `ignored` at either end.

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
    """For each number won: how many must be lost for the statistic; one too many where none do.

    By bisection, for the statistic grows with what is lost: Barnard's convexity.
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
    """P(statistic reached) for each share won: binomials of what is won, and of what is then lost.

    Args:
        truths: (t,) shares that only the candidate has right, 0-1.
        won: (w,) numbers of images.
        least: (w,) of images lost, from 0 to one more than there are.
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
