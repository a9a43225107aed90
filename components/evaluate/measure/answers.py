"""Count the answers of one model: enough for each of its metrics.

Memory grows with the number of classes, not with its square.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from components.evaluate.measure.auc import bin_odds, count_bins, count_odds
from components.evaluate.measure.cells import add_cells, count_cells, fill_table

BINS = 15  # of confidence, equally wide from 0 to 1: Guo et al., ICML 2017
RANKS = 10  # ranks of the label among the probabilities that are counted, for top-k
_LEAST = 1e-7  # smallest probability in a loss, as in Keras


@dataclass(frozen=True)
class Answers:
    """Counts of one model's answers over C classes. For cells see `cells.count_cells`."""

    # cells (label, predicted class): images; class C: the answer is not finite
    confusion: np.ndarray
    # cells (label, rank of the label among the probabilities, below RANKS): images
    rank_cells: np.ndarray
    # cells (label, bin of the confidence): images, sum of confidences, right answers; float64
    calibration_cells: np.ndarray
    odds_cells: np.ndarray  # cells (label, bin of its log-odds): images
    odds: np.ndarray  # (C, bins) int32 of each class's log-odds in all images, see `auc`
    losses: np.ndarray  # (C, 2) float64: sum of -ln p(label) in nats, and of its square
    off_one: np.ndarray  # () float64: the largest |sum of an image's probabilities - 1|
    lowest: np.ndarray  # (C,) float64: the smallest probability of each class
    highest: np.ndarray  # (C,) float64: the largest probability of each class

    def __add__(self, other: Answers) -> Answers:
        adders: dict[str, Any] = {
            "confusion": add_cells,
            "rank_cells": add_cells,
            "calibration_cells": add_cells,
            "odds_cells": add_cells,
            "off_one": np.maximum,
            "lowest": np.minimum,
            "highest": np.maximum,
        }
        return Answers(
            **{
                f.name: adders.get(f.name, np.add)(getattr(self, f.name), getattr(other, f.name))
                for f in fields(self)
            }
        )

    @property
    def classes(self) -> int:
        return len(self.lowest)

    @property
    def examples(self) -> np.ndarray:
        """(C,) int64: images of each label."""
        return self._sum_by_class(0, self.confusion)

    @property
    def predicted(self) -> np.ndarray:
        """(C,) int64: images that are predicted as each class."""
        return self._sum_by_class(1, self.confusion)

    @property
    def right(self) -> np.ndarray:
        """(C,) int64: images of each label that are predicted as it."""
        return self._sum_by_class(0, self.confusion[self.confusion[:, 0] == self.confusion[:, 1]])

    @property
    def unsound(self) -> int:
        """Number of images with an answer that is not finite."""
        return int(self.confusion[self.confusion[:, 1] == self.classes, 2].sum())

    @property
    def ranks(self) -> np.ndarray:
        """(C, RANKS) int64: images whose label has this rank among the probabilities."""
        return fill_table(self.rank_cells, self.classes, RANKS)

    @property
    def calibration(self) -> np.ndarray:
        """(C, BINS, 3) float64: images, sum of confidences, right answers."""
        return fill_table(self.calibration_cells, self.classes, BINS)

    @property
    def own_odds(self) -> np.ndarray:
        """(C, bins) int64: log-odds of each class in the images of that class."""
        return fill_table(self.odds_cells, self.classes, count_bins(self.classes))

    def _sum_by_class(self, column: int, cells: np.ndarray) -> np.ndarray:
        images = np.bincount(cells[:, column], weights=cells[:, 2], minlength=self.classes)
        return images[: self.classes].astype(np.int64)


def count_answers(labels: np.ndarray, answered: np.ndarray, predicted: np.ndarray) -> Answers:
    """Count the answers to a batch of images.

    Args:
        labels: (n,) int64.
        answered: (n, C) float probabilities.
        predicted: (n,) int64, the most probable class; C if a probability is not finite.
    """
    probabilities = answered.astype(np.float64)
    size, classes = probabilities.shape
    own = probabilities[np.arange(size), labels]
    # A tie goes to the class of the lower index, as it does for the prediction.
    first = np.arange(classes) < labels[:, None]
    above = (probabilities > own[:, None]) | ((probabilities == own[:, None]) & first)
    rank = above.sum(axis=1)
    loss = -np.log(np.clip(own, _LEAST, 1))  # NaN stays NaN
    losses = np.zeros((classes, 2))
    np.add.at(losses, labels, np.stack([loss, loss**2], axis=1))
    sound = predicted < classes
    finite, truth, answer = probabilities[sound], labels[sound], predicted[sound]
    images = np.arange(len(finite))
    confidence = finite[images, answer]
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    odds = bin_odds(finite)
    ranked = sound & (rank < RANKS)
    return Answers(
        confusion=count_cells(labels, predicted),
        rank_cells=count_cells(labels[ranked], rank[ranked]),
        calibration_cells=count_cells(truth, bins, confidence, answer == truth),
        odds_cells=count_cells(truth, odds[images, truth]),
        odds=count_odds(odds),
        losses=losses,
        off_one=np.abs(finite.sum(axis=1) - 1).max(initial=0.0),
        lowest=finite.min(axis=0, initial=np.inf),
        highest=finite.max(axis=0, initial=-np.inf),
    )
