"""Compute the area under the ROC curve of each class, from log-odds counted in bins."""

from __future__ import annotations

import numpy as np

# Bins of log-odds between -16 and 16, and one beyond each end.
_MOST, _FEWEST = 400, 100
_COUNTS = 1_000_000  # bins of all classes together, unless each has _FEWEST already


def count_bins(classes: int) -> int:
    """Return the bins per class: 400, fewer with more than 2,500 classes, 100 with 10,000."""
    return min(_MOST, max(_FEWEST, _COUNTS // max(classes, 1)))


def bin_odds(probabilities: np.ndarray) -> np.ndarray:
    """Find the bin of the log-odds of each probability: (n, C) int64.

    Args:
        probabilities: (n, C) float64, finite; below 0 and above 1 count as 0 and 1.
    """
    edges = np.linspace(-16.0, 16.0, count_bins(probabilities.shape[1]) - 1)
    share = np.clip(probabilities, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        bins: np.ndarray = np.searchsorted(edges, np.log(share) - np.log1p(-share))
    return bins


def count_odds(bins: np.ndarray) -> np.ndarray:
    """Count the images whose log-odds of a class lie in each bin: (C, bins) int32."""
    classes = bins.shape[1]
    size = count_bins(classes)
    code = np.arange(classes) * size + bins
    counted = np.bincount(code.ravel(), minlength=classes * size)
    return counted.reshape(classes, size).astype(np.int32)


def compute_auc(own: np.ndarray, all_: np.ndarray) -> np.ndarray:
    """Compute P(an image of the class scores higher than one of another class), ties count half.

    This is the statistic of Mann and Whitney, 1947.

    Args:
        own: (C, bins) log-odds of the class in the images of the class.
        all_: (C, bins) log-odds of the class in all images.

    Returns:
        (C,) float64, 0-1; NaN if the class, or all other classes, have no images.
    """
    others = (all_ - own).astype(np.float64)
    below = others.cumsum(axis=1) - others
    pairs = own.sum(axis=1) * others.sum(axis=1)
    with np.errstate(invalid="ignore"):
        area: np.ndarray = (own * (below + others / 2)).sum(axis=1) / pairs
    return area
