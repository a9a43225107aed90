"""Metrics out of counts. Each comes with its formula; None where there is no number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from components.evaluate.measure.counts import RANKS, Answers
from components.evaluate.statistics import of_mean, wilson


def describe(answers: Answers, class_names: tuple[str, ...], confidence: float) -> dict[str, Any]:
    """Metrics of a slice: {"overall": …, "classes": {name: …}}, as in `verdict.json`."""
    classes = {
        name: _of_class(answers, label, confidence) for label, name in enumerate(class_names)
    }
    rows = np.arange(len(class_names))
    overall = _of_rows(answers, rows, confidence)
    present = [c for c in classes.values() if c["examples"]]
    for metric in ("precision", "recall", "f1", "auc"):
        # The macro mean: each class that has images counts the same, one without a number as 0.
        values = [c[metric] or 0.0 for c in present]
        overall[metric] = sum(values) / len(values) if values else None
    overall |= {"precision_interval": None, "recall_interval": None}
    return {"overall": overall, "classes": classes}


def _of_rows(answers: Answers, rows: np.ndarray, confidence: float) -> dict[str, Any]:
    """What can be said of the images with these labels."""
    number = int(answers.confusion[rows].sum())
    correct = int(answers.confusion[rows, rows].sum())
    loss, squares = (float(x) for x in answers.losses[rows].sum(axis=0))
    ranks = answers.ranks[rows].sum(axis=0).cumsum()
    most = min(answers.confusion.shape[0] - 1, RANKS)
    return {
        "examples": number,
        "accuracy": correct / number if number else None,
        "accuracy_interval": wilson(correct, number, confidence),
        # Share of images whose label is among the k most probable classes.
        "top_k": {str(k): int(ranks[k - 1]) / number for k in range(2, most + 1) if number},
        # Mean of -ln p(label), in nats.
        "loss": _number(loss / number) if number else None,
        "loss_interval": of_mean(loss, squares, number, confidence),
        "ece": _ece(answers.calibration[rows].sum(axis=0)),
    }


def _of_class(answers: Answers, label: int, confidence: float) -> dict[str, Any]:
    """One class against the rest: of its images, and of those that are said to be of it."""
    found = _of_rows(answers, np.array([label]), confidence)
    right = int(answers.confusion[label, label])
    predicted = int(answers.confusion[:, label].sum())
    either = found["examples"] + predicted
    return {
        **found,
        "predicted": predicted,
        "precision": right / predicted if predicted else None,  # right / predicted
        "precision_interval": wilson(right, predicted, confidence),
        "recall": found["accuracy"],  # right / images of the class
        "recall_interval": found["accuracy_interval"],
        "f1": 2 * right / either if either else None,  # harmonic mean of both
        "auc": _auc(answers.odds[label]),
    }


def calibration(answers: Answers) -> list[dict[str, Any]]:
    """The bins of the reliability curve, from the least confident to the most."""
    bins = answers.calibration.sum(axis=0)
    return [
        {
            "low": place / len(bins),
            "high": (place + 1) / len(bins),
            "examples": int(number),
            "confidence": confidence / number if number else None,
            "accuracy": right / number if number else None,
        }
        for place, (number, confidence, right) in enumerate(bins.tolist())
    ]


def _ece(bins: np.ndarray) -> float | None:
    """Expected calibration error: mean over images of |accuracy - confidence| of their bin.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    number, confidence, right = bins.T
    return float(np.abs(right - confidence).sum() / number.sum()) if number.sum() else None


def _auc(odds: np.ndarray) -> float | None:
    """P(an image of the class scores higher than another's), ties half: Mann and Whitney, 1947."""
    others, own = odds.astype(np.float64)
    if not (others.sum() and own.sum()):
        return None
    below = others.cumsum() - others
    return float((own * (below + others / 2)).sum() / (own.sum() * others.sum()))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
