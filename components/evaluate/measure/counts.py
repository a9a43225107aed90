"""What is counted of models' answers, in one pass: enough for every metric, in little memory.

Tallies of batches add up to the tally of all. The first axis of counts is the label, so that a row
is a class, and the whole is the sum over rows.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

BINS = 15  # of confidence, equally wide from 0 to 1: Guo et al., ICML 2017
RANKS = 10  # places of the label among the probabilities that are told apart, for top-k
KEPT = 24  # images of each kind of mistake
CANDIDATE, BASELINE, BEST = "candidate", "baseline", "best"

_ODDS = np.linspace(-16.0, 16.0, 399)  # edges of bins of log-odds: finest where probabilities crowd
_LEAST = 1e-7  # probability below which a loss grows no further, as in Keras


@dataclass(frozen=True)
class Answers:
    """Counts of one model's answers to C classes; int64 unless said otherwise."""

    confusion: np.ndarray  # (C, C + 1) by label and predicted class; the last: no number
    ranks: np.ndarray  # (C, RANKS) images whose label has this place among the probabilities
    losses: np.ndarray  # (C, 2) float64: sum of -ln p(label), nats, and of its squares
    calibration: np.ndarray  # (C, BINS, 3) float64: images, sum of confidences, right ones
    odds: np.ndarray  # (C, 2, bins) of a class's log-odds, in others' images and in its own
    off_one: np.ndarray  # () float64: the largest |sum of an image's probabilities - 1|
    lowest: np.ndarray  # (C,) float64: the least probability of each class
    highest: np.ndarray  # (C,) float64: and the greatest

    def __add__(self, other: Answers) -> Answers:
        how = {"off_one": np.maximum, "lowest": np.minimum, "highest": np.maximum}
        return Answers(
            **{
                f.name: how.get(f.name, np.add)(getattr(self, f.name), getattr(other, f.name))
                for f in fields(self)
            }
        )


@dataclass(frozen=True)
class Mistakes:
    """Images with the candidate's most confident mistakes, at most KEPT, the worst first."""

    images: np.ndarray  # (n, 3) int64: place in the split, label, predicted class
    answers: np.ndarray  # (n, models, C) float32: probabilities, the candidate's first

    def __add__(self, other: Mistakes) -> Mistakes:
        images = np.concatenate([self.images, other.images])
        answers = np.concatenate([self.answers, other.answers])
        # By place where equally confident, so that the order of batches does not matter.
        worst = np.lexsort((images[:, 0], -answers[:, 0].max(axis=1, initial=0)))[:KEPT]
        return Mistakes(images[worst], answers[worst])


@dataclass(frozen=True)
class Tally:
    """All that is counted of some images: of each model, and of pairs of models."""

    models: dict[str, Answers]
    right: dict[str, np.ndarray]  # reference → (C, 2, 2) by label, candidate right, it right
    worst: Mistakes  # of the candidate
    lost: Mistakes  # those that the baseline had right; its answers are the second

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            {name: answers + other.models[name] for name, answers in self.models.items()},
            {name: right + other.right[name] for name, right in self.right.items()},
            self.worst + other.worst,
            self.lost + other.lost,
        )

    def also(self, name: str, of: str) -> Tally:
        """The same, with one reference under another name too."""
        return replace(
            self,
            models={**self.models, name: self.models[of]},
            right={**self.right, name: self.right[of]},
        )

    def to_bytes(self) -> bytes:
        """As a NumPy archive, without pickles."""
        arrays: dict[str, Any] = {f"right.{name}": right for name, right in self.right.items()}
        parts: dict[str, Answers | Mistakes] = {
            **self.models,
            "worst": self.worst,
            "lost": self.lost,
        }
        for name, part in parts.items():
            arrays |= {f"{name}.{f.name}": getattr(part, f.name) for f in fields(part)}
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Tally:
        """The inverse of `to_bytes`."""
        found: dict[str, dict[str, np.ndarray]] = {}
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for key in archive.files:
                part, _, name = key.partition(".")
                found.setdefault(part, {})[name] = archive[key]
        right, worst, lost = (found.pop(part, {}) for part in ("right", "worst", "lost"))
        models = {name: Answers(**arrays) for name, arrays in found.items()}
        return cls(models, right, Mistakes(**worst), Mistakes(**lost))


def tally(labels: np.ndarray, places: np.ndarray, answers: Mapping[str, np.ndarray]) -> Tally:
    """Count a batch.

    Args:
        labels: (n,) int64, n from 0.
        places: (n,) int64, of the images in the split.
        answers: model's name → (n, classes) float probabilities; "candidate" must be there.
    """
    predicted = {name: _predicted(probabilities) for name, probabilities in answers.items()}
    right = {name: found == labels for name, found in predicted.items()}
    classes = answers[CANDIDATE].shape[1]

    def pairs(reference: str) -> np.ndarray:
        code = (labels * 2 + right[CANDIDATE]) * 2 + right[reference]
        table: np.ndarray = np.bincount(code, minlength=classes * 4).reshape(classes, 2, 2)
        return table

    def mistakes(where: np.ndarray, *models: str) -> Mistakes:
        images = np.stack([places, labels, predicted[CANDIDATE]], axis=1)[where]
        shown = [np.nan_to_num(answers[model][where]) for model in models]
        found = Mistakes(images, np.stack(shown, axis=1).astype(np.float32))
        return found + Mistakes(images[:0], found.answers[:0])  # sorted, and no more than KEPT

    wrong = ~right[CANDIDATE]
    second = BASELINE if BASELINE in answers else CANDIDATE
    return Tally(
        {name: _count(labels, answers[name], predicted[name]) for name in answers},
        {name: pairs(name) for name in answers if name != CANDIDATE},
        mistakes(wrong, CANDIDATE),
        mistakes(wrong & right[second], CANDIDATE, second),
    )


def _predicted(probabilities: np.ndarray) -> np.ndarray:
    """The most probable class; C, which is none, where some probability is no finite number."""
    found = np.where(np.isfinite(probabilities), probabilities, -np.inf).argmax(axis=1)
    sound = np.isfinite(probabilities).all(axis=1)
    predicted: np.ndarray = np.where(sound, found, probabilities.shape[1]).astype(np.int64)
    return predicted


def _count(labels: np.ndarray, answered: np.ndarray, predicted: np.ndarray) -> Answers:
    probabilities = answered.astype(np.float64)
    size, classes = probabilities.shape
    images = np.arange(size)
    own = probabilities[images, labels]
    # A tie goes to the class of the lower index, as it does for the prediction.
    first = np.arange(classes) < labels[:, None]
    above = (probabilities > own[:, None]) | ((probabilities == own[:, None]) & first)
    rank = np.where(predicted < classes, above.sum(axis=1), RANKS)
    ranks = np.zeros((classes, RANKS), np.int64)
    np.add.at(ranks, (labels[rank < RANKS], rank[rank < RANKS]), 1)
    loss = -np.log(np.clip(own, _LEAST, 1))  # NaN stays NaN
    losses = np.zeros((classes, 2))
    np.add.at(losses, labels, np.stack([loss, loss**2], axis=1))
    sound = predicted < classes
    confidence = probabilities[images[sound], predicted[sound]]
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    calibration = np.zeros((classes, BINS, 3))
    seen = np.stack([np.ones_like(confidence), confidence, (predicted == labels)[sound]], axis=1)
    np.add.at(calibration, (labels[sound], bins), seen)
    finite = probabilities[sound]
    return Answers(
        confusion=np.bincount(
            labels * (classes + 1) + predicted, minlength=classes * (classes + 1)
        ).reshape(classes, classes + 1),
        ranks=ranks,
        losses=losses,
        calibration=calibration,
        odds=_odds(labels[sound], finite),
        off_one=np.abs(finite.sum(axis=1) - 1).max(initial=0.0),
        lowest=finite.min(axis=0, initial=np.inf),
        highest=finite.max(axis=0, initial=-np.inf),
    )


def _odds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(C, 2, bins) how often a class's log-odds lie in a bin, in others' images and in its own."""
    size, classes = probabilities.shape
    with np.errstate(divide="ignore"):
        share = np.clip(probabilities, 0.0, 1.0)
        found = np.searchsorted(_ODDS, np.log(share) - np.log1p(-share))
    of_class = np.broadcast_to(np.arange(classes), (size, classes))
    own = of_class == labels[:, None]
    shape = (classes, 2, len(_ODDS) + 1)
    code = np.ravel_multi_index((of_class, own.astype(np.int64), found), shape)
    return np.bincount(code.ravel(), minlength=int(np.prod(shape))).reshape(shape)
