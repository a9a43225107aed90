"""What is counted of one model's answers: enough for each of its metrics.

Memory grows with the number of classes, never with their square.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from components.evaluate.measure.auc import bin_odds, count_bins, count_odds
from components.evaluate.measure.cells import add_cells, count_cells, fill_table

BINS = 15  # of confidence, equally wide from 0 to 1: Guo et al., ICML 2017
RANKS = 10  # places of the label among the probabilities that are told apart, for top-k
_LEAST = 1e-7  # probability below which a loss grows no further, as in Keras


@dataclass(frozen=True)
class Answers:
    """Counts of one model's answers to C classes. Cells are as `cells.count_cells` has them."""

    confusion: np.ndarray  # cells (label, predicted class): images; C: the answer is no number
    rank_cells: np.ndarray  # cells (label, its rank among the probabilities, to RANKS): images
    # cells (label, bin of the confidence): images, sum of confidences, right ones; float64
    calibration_cells: np.ndarray
    odds_cells: np.ndarray  # cells (label, bin of its log-odds): images
    odds: np.ndarray  # (C, bins) int32 of each class's log-odds in all images, see `auc`
    losses: np.ndarray  # (C, 2) float64: sum of -ln p(label), nats, and of its squares
    off_one: np.ndarray  # () float64: the largest |sum of an image's probabilities - 1|
    lowest: np.ndarray  # (C,) float64: the least probability of each class
    highest: np.ndarray  # (C,) float64: and the greatest

    def __add__(self, other: Answers) -> Answers:
        how: dict[str, Any] = {
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
                f.name: how.get(f.name, np.add)(getattr(self, f.name), getattr(other, f.name))
                for f in fields(self)
            }
        )

    @property
    def classes(self) -> int:
        return len(self.lowest)

    @property
    def examples(self) -> np.ndarray:
        """(C,) int64: images with each label."""
        return self._by_class(0, self.confusion)

    @property
    def predicted(self) -> np.ndarray:
        """(C,) int64: images said to be of each class."""
        return self._by_class(1, self.confusion)

    @property
    def right(self) -> np.ndarray:
        """(C,) int64: images with each label that are said to be of it."""
        return self._by_class(0, self.confusion[self.confusion[:, 0] == self.confusion[:, 1]])

    @property
    def unsound(self) -> int:
        """Images whose answer is no number."""
        return int(self.confusion[self.confusion[:, 1] == self.classes, 2].sum())

    @property
    def ranks(self) -> np.ndarray:
        """(C, RANKS) int64: images whose label has this rank among the probabilities."""
        return fill_table(self.rank_cells, self.classes, RANKS)

    @property
    def calibration(self) -> np.ndarray:
        """(C, BINS, 3) float64: images, sum of confidences, right ones."""
        return fill_table(self.calibration_cells, self.classes, BINS)

    @property
    def own_odds(self) -> np.ndarray:
        """(C, bins) int64: of each class's log-odds in its own images."""
        return fill_table(self.odds_cells, self.classes, count_bins(self.classes))

    def _by_class(self, column: int, cells: np.ndarray) -> np.ndarray:
        found = np.bincount(cells[:, column], weights=cells[:, 2], minlength=self.classes)
        return found[: self.classes].astype(np.int64)


def count_answers(labels: np.ndarray, answered: np.ndarray, predicted: np.ndarray) -> Answers:
    """Count a batch.

    Args:
        labels: (n,) int64.
        answered: (n, C) float probabilities.
        predicted: (n,) int64, the most probable class; C where some probability is no number.
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
    finite, truth, said = probabilities[sound], labels[sound], predicted[sound]
    images = np.arange(len(finite))
    confidence = finite[images, said]
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    odds = bin_odds(finite)
    ranked = sound & (rank < RANKS)
    return Answers(
        confusion=count_cells(labels, predicted),
        rank_cells=count_cells(labels[ranked], rank[ranked]),
        calibration_cells=count_cells(truth, bins, confidence, said == truth),
        odds_cells=count_cells(truth, odds[images, truth]),
        odds=count_odds(odds),
        losses=losses,
        off_one=np.abs(finite.sum(axis=1) - 1).max(initial=0.0),
        lowest=finite.min(axis=0, initial=np.inf),
        highest=finite.max(axis=0, initial=-np.inf),
    )
