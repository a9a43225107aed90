"""What is counted of models' answers, in one pass: enough for every metric, in little memory.

Tallies of batches add up to the tally of all.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from components.evaluate.measure.answers import Answers, count_answers

KEPT = 24  # images of each kind of mistake
CANDIDATE, BASELINE, BEST = "candidate", "baseline", "best"


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

    def with_alias(self, name: str, of: str) -> Tally:
        """The same, with one reference under another name too."""
        return replace(
            self,
            models={**self.models, name: self.models[of]},
            right={**self.right, name: self.right[of]},
        )

    def to_bytes(self) -> bytes:
        """As a NumPy archive without pickles, compressed: most of many classes' counts are 0."""
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
        """Pickled, as Beam does between stages, it is as small."""
        return Tally.from_bytes, (self.to_bytes(),)

    @classmethod
    def from_bytes(cls, content: bytes) -> Tally:
        """The inverse of `to_bytes`."""
        found: dict[str, dict[str, np.ndarray]] = {}
        with np.load(io.BytesIO(zlib.decompress(content)), allow_pickle=False) as archive:
            for key in archive.files:
                part, _, name = key.partition(".")
                found.setdefault(part, {})[name] = archive[key]
        right, worst, lost = (found.pop(part, {}) for part in ("right", "worst", "lost"))
        models = {name: Answers(**arrays) for name, arrays in found.items()}
        return cls(models, right, Mistakes(**worst), Mistakes(**lost))


def tally_batch(labels: np.ndarray, places: np.ndarray, answers: Mapping[str, np.ndarray]) -> Tally:
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
        {name: count_answers(labels, answers[name], predicted[name]) for name in answers},
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
