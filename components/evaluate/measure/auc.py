"""The area under each class's ROC curve, from log-odds counted in bins."""

from __future__ import annotations

import numpy as np

# Bins from log-odds of -16 to 16, and beyond: finest where probabilities crowd.
_MOST, _FEWEST = 400, 100
_COUNTS = 1_000_000  # bins of all classes together, as far as each may have fewer


def count_bins(classes: int) -> int:
    """Of each class: 400, of more than 2,500 classes fewer, of 10,000 and more 100."""
    return min(_MOST, max(_FEWEST, _COUNTS // max(classes, 1)))


def bin_odds(probabilities: np.ndarray) -> np.ndarray:
    """(n, C) int64: the bin of each probability's log-odds.

    Args:
        probabilities: (n, C) float64, finite; below 0 and above 1 count as 0 and 1.
    """
    edges = np.linspace(-16.0, 16.0, count_bins(probabilities.shape[1]) - 1)
    share = np.clip(probabilities, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.searchsorted(edges, np.log(share) - np.log1p(-share))
    return found


def count_odds(bins: np.ndarray) -> np.ndarray:
    """(C, bins) int32: in how many images a class has its log-odds in a bin; see `bin_odds`."""
    classes = bins.shape[1]
    size = count_bins(classes)
    code = np.arange(classes) * size + bins
    counted = np.bincount(code.ravel(), minlength=classes * size)
    return counted.reshape(classes, size).astype(np.int32)


def compute_auc(own: np.ndarray, all_: np.ndarray) -> np.ndarray:
    """P(an image of the class scores higher than another's), ties half: Mann and Whitney, 1947.

    Args:
        own: (C, bins) the class's log-odds in its own images.
        all_: (C, bins) in all of them.

    Returns:
        (C,) float64, 0-1; NaN where there are no images of the class, or none of others.
    """
    others = (all_ - own).astype(np.float64)
    below = others.cumsum(axis=1) - others
    pairs = own.sum(axis=1) * others.sum(axis=1)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = (own * (below + others / 2)).sum(axis=1) / pairs
    return found
