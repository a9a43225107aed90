"""Images by label and predicted class, as the pairs that there are: no table of all classes.

N images are in at most N cells, however many classes there are; a table of 10,000 classes would be
0.8 GB for each model and slice.
"""

from __future__ import annotations

import numpy as np


def count_pairs(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, 3) int64, sorted: a label, a class that it was taken for, how many images.

    Args:
        labels: (n,) int64 from 0, less than 2^31.
        predicted: (n,) of the same kind.
    """
    return _sum_up(np.stack([labels, predicted, np.ones_like(labels)], axis=1))


def add_pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The sum of two counts of `count_pairs`."""
    return _sum_up(np.concatenate([one, other]))


def _sum_up(cells: np.ndarray) -> np.ndarray:
    codes, index = np.unique(cells[:, 0] << 32 | cells[:, 1], return_inverse=True)
    images = np.bincount(index, weights=cells[:, 2], minlength=len(codes))
    return np.stack([codes >> 32, codes & 0xFFFFFFFF, images.astype(np.int64)], axis=1)


def table(cells: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64: rows are labels, columns predictions; what is beyond is left out."""
    found = np.zeros((classes, classes), np.int64)
    labels, predicted, images = cells[cells[:, 1] < classes].T
    found[labels, predicted] = images
    return found


def largest(cells: np.ndarray, classes: int, number: int) -> np.ndarray:
    """The cells with the most images of one class that were taken for another, at most `number`."""
    wrong = cells[(cells[:, 0] != cells[:, 1]) & (cells[:, 1] < classes)]
    chosen: np.ndarray = wrong[np.argsort(-wrong[:, 2], kind="stable")[:number]]
    return chosen
