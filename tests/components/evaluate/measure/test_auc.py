from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from components.evaluate.measure.auc import bin_odds, compute_auc, count_odds


def noise(classes: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of 40 classes at most, and answers that often have them right: float64."""
    random = np.random.default_rng(0)
    labels = random.integers(0, min(classes, 40), images)
    logits = 1.5 * random.normal(size=(images, classes))
    logits[np.arange(images), labels] += random.normal(3, 1, images)
    shares = np.exp(logits)
    return labels, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("classes", "bins", "off"),
    [
        (2, 400, 0.002),
        (40, 400, 0.002),
        (2500, 400, 0.002),
        pytest.param(10_000, 100, 0.01, marks=pytest.mark.slow),
    ],
)
def test_it_is_scikit_learns_to_within_the_bins(classes: int, bins: int, off: float) -> None:
    labels, shares = noise(classes, 1000)
    placed = bin_odds(shares)
    odds, own = count_odds(placed), np.zeros((classes, bins), np.int64)
    np.add.at(own, (labels, placed[np.arange(1000), labels]), 1)
    assert odds.shape == (classes, bins)
    assert (odds.sum(axis=1) == 1000).all()
    found = compute_auc(own, odds)
    assert np.isnan(found[40:]).all()
    for label in range(min(classes, 40)):
        wanted = sk.roc_auc_score(labels == label, shares[:, label])
        assert found[label] == pytest.approx(wanted, abs=off)


def test_certain_answers_are_in_the_outermost_bins() -> None:
    placed = bin_odds(np.array([[1.0, 0.0], [1.5, -0.5]]))
    assert placed.tolist() == [[399, 0], [399, 0]]
    odds = count_odds(placed)
    assert odds[:, [0, -1]].tolist() == [[0, 2], [2, 0]]
    assert compute_auc(odds // 2, odds).tolist() == [0.5, 0.5]
