"""Count the answers of several models in one pass: enough for every metric, in little memory.

The tallies of batches add up to the tally of the split.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from components.evaluate.measure.answers import Answers, count_answers

KEPT = 24  # images that are kept of each kind of mistake
CANDIDATE, BASELINE, BEST = "candidate", "baseline", "best"


@dataclass(frozen=True)
class Mistakes:
    """The images with the most confident mistakes, at most KEPT, the most confident first."""

    images: np.ndarray  # (n, 3) int64: index in the split, label, predicted class
    answers: np.ndarray  # (n, models, C) float32: probabilities, the candidate's first

    def __add__(self, other: Mistakes) -> Mistakes:
        images = np.concatenate([self.images, other.images])
        answers = np.concatenate([self.answers, other.answers])
        # Equally confident mistakes are sorted by index, so the order of batches does not matter.
        worst = np.lexsort((images[:, 0], -answers[:, 0].max(axis=1, initial=0)))[:KEPT]
        return Mistakes(images[worst], answers[worst])


@dataclass(frozen=True)
class Tally:
    """All counts of some images: for each model, and for each pair of models."""

    models: dict[str, Answers]
    right: dict[str, np.ndarray]  # reference → (C, 2, 2): label, candidate right, reference right
    worst: Mistakes  # of the candidate
    lost: Mistakes  # images that the baseline has right; its answers are the second ones

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            {name: answers + other.models[name] for name, answers in self.models.items()},
            {name: right + other.right[name] for name, right in self.right.items()},
            self.worst + other.worst,
            self.lost + other.lost,
        )

    def with_alias(self, name: str, of: str) -> Tally:
        """Return the tally with the counts of a reference also under another name."""
        return replace(
            self,
            models={**self.models, name: self.models[of]},
            right={**self.right, name: self.right[of]},
        )

    def to_bytes(self) -> bytes:
        """Serialize as a compressed NumPy archive without pickles: most counts are 0."""
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
        return zlib.compress(file.getbuffer(), level=1)

    def __reduce__(self) -> Any:
        """Pickle as `to_bytes`, so that tallies stay small between the stages of a Beam job."""
        return Tally.from_bytes, (self.to_bytes(),)

    @classmethod
    def from_bytes(cls, content: bytes) -> Tally:
        """Restore a tally from `to_bytes`."""
        parts: dict[str, dict[str, np.ndarray]] = {}
        with np.load(io.BytesIO(zlib.decompress(content)), allow_pickle=False) as archive:
            for key in archive.files:
                part, _, name = key.partition(".")
                parts.setdefault(part, {})[name] = archive[key]
        right, worst, lost = (parts.pop(part, {}) for part in ("right", "worst", "lost"))
        models = {name: Answers(**arrays) for name, arrays in parts.items()}
        return cls(models, right, Mistakes(**worst), Mistakes(**lost))


def tally_batch(
    labels: np.ndarray, indices: np.ndarray, answers: Mapping[str, np.ndarray]
) -> Tally:
    """Count the answers of all models to a batch of images.

    Args:
        labels: (n,) int64, n from 0.
        indices: (n,) int64, of the images in the split.
        answers: name of the model → (n, classes) float probabilities; "candidate" is required.
    """
    predicted = {name: _predict(probabilities) for name, probabilities in answers.items()}
    right = {name: classes == labels for name, classes in predicted.items()}
    classes = answers[CANDIDATE].shape[1]

    def count_pairs(reference: str) -> np.ndarray:
        code = (labels * 2 + right[CANDIDATE]) * 2 + right[reference]
        table: np.ndarray = np.bincount(code, minlength=classes * 4).reshape(classes, 2, 2)
        return table

    def find_mistakes(where: np.ndarray, *models: str) -> Mistakes:
        images = np.stack([indices, labels, predicted[CANDIDATE]], axis=1)[where]
        shown = [np.nan_to_num(answers[model][where]) for model in models]
        batch = Mistakes(images, np.stack(shown, axis=1).astype(np.float32))
        return batch + Mistakes(images[:0], batch.answers[:0])  # sorted, and at most KEPT

    wrong = ~right[CANDIDATE]
    second = BASELINE if BASELINE in answers else CANDIDATE
    return Tally(
        {name: count_answers(labels, answers[name], predicted[name]) for name in answers},
        {name: count_pairs(name) for name in answers if name != CANDIDATE},
        find_mistakes(wrong, CANDIDATE),
        find_mistakes(wrong & right[second], CANDIDATE, second),
    )


def _predict(probabilities: np.ndarray) -> np.ndarray:
    """Find the most probable class; C, which is no class, if a probability is not finite."""
    likeliest = np.where(np.isfinite(probabilities), probabilities, -np.inf).argmax(axis=1)
    sound = np.isfinite(probabilities).all(axis=1)
    predicted: np.ndarray = np.where(sound, likeliest, probabilities.shape[1]).astype(np.int64)
    return predicted
