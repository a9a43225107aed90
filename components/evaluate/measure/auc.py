"""The area under each class's ROC curve, from log-odds counted in bins."""

from __future__ import annotations

import numpy as np

_BINS = 400  # from log-odds of -16 to 16, and beyond: finest where probabilities crowd
_COUNTS = 400_000  # for all classes: of more than 1,000 classes, each has fewer bins


def count_odds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How often a class's log-odds lie in a bin, in others' images and in its own.

    Args:
        labels: (n,) int64.
        probabilities: (n, C) float64, finite.

    Returns:
        (C, 2, bins) int32: 400 bins, of more than 1,000 classes 400,000 / C, but no less than 40.
    """
    classes = probabilities.shape[1]
    bins = min(_BINS, max(_BINS // 10, _COUNTS // max(classes, 1)))
    edges = np.linspace(-16.0, 16.0, bins - 1)
    with np.errstate(divide="ignore"):
        share = np.clip(probabilities, 0.0, 1.0)
        found = np.searchsorted(edges, np.log(share) - np.log1p(-share))
    own = labels[:, None] == np.arange(classes)
    code = (np.arange(classes) * 2 + own) * bins + found
    counted = np.bincount(code.ravel(), minlength=classes * 2 * bins)
    return counted.reshape(classes, 2, bins).astype(np.int32)


def auc(odds: np.ndarray) -> np.ndarray:
    """P(an image of the class scores higher than another's), ties half: Mann and Whitney, 1947.

    Args:
        odds: (C, 2, bins), see `count_odds`.

    Returns:
        (C,) float64, 0-1; NaN where there are no images of the class, or none of others.
    """
    others, own = odds[:, 0].astype(np.float64), odds[:, 1]
    below = others.cumsum(axis=1) - others
    pairs = own.sum(axis=1) * others.sum(axis=1)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = (own * (below + others / 2)).sum(axis=1) / pairs
    return found
