"""Metrics out of counts. Each comes with its formula; None where there is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.evaluate.measure.answers import Answers
from components.evaluate.measure.auc import compute_auc
from components.evaluate.measure.intervals import mean_interval, wilson_interval


def describe(answers: Answers, class_names: tuple[str, ...], confidence: float) -> dict[str, Any]:
    """Metrics of a model: {"overall": …, "classes": {name: …}}, as in `verdict.json`."""
    found = _of_classes(answers)
    of_class = zip(*(found[metric].tolist() for metric in _OF_CLASSES), strict=True)
    sums = zip(*_sums(answers), strict=True)
    classes = {
        name: _describe_class(one, of_one, confidence)
        for name, one, of_one in zip(class_names, of_class, sums, strict=True)
    }
    return {"overall": describe_overall(answers, confidence), "classes": classes}


def describe_overall(answers: Answers, confidence: float) -> dict[str, Any]:
    """Metrics of all images of a slice, as in `verdict.json`."""
    found = _of_classes(answers)
    number, right = int(found["examples"].sum()), int(found["right"].sum())
    sums = [of_classes.sum(axis=0) for of_classes in _sums(answers)]
    overall = _of_images(number, right, sums, confidence)
    present = found["examples"] > 0
    for metric in ("precision", "recall", "f1", "auc"):
        # The macro mean: each class that has images counts the same, one without a number as 0.
        values = np.nan_to_num(found[metric][present])
        overall[metric] = float(values.mean()) if len(values) else None
    return overall | {"precision_interval": None, "recall_interval": None}


_OF_CLASSES = ("examples", "right", "predicted", "precision", "recall", "f1", "auc")


def _of_classes(answers: Answers) -> dict[str, np.ndarray]:
    """(C,) of each class against the rest: of its images, and of those said to be of it."""
    examples, right, predicted = answers.examples, answers.right, answers.predicted
    with np.errstate(invalid="ignore"):
        return {
            "examples": examples,
            "right": right,
            "predicted": predicted,
            "precision": right / predicted,
            "recall": right / examples,
            "f1": 2 * right / (examples + predicted),  # harmonic mean of both
            "auc": compute_auc(answers.own_odds, answers.odds),
        }


def _sums(answers: Answers) -> list[np.ndarray]:
    """Of each class: losses, ranks but the last possible one, calibration; see `Answers`."""
    return [answers.losses, answers.ranks[:, : answers.classes - 1], answers.calibration]


def _of_images(
    number: int, correct: int, sums: Sequence[np.ndarray], confidence: float
) -> dict[str, Any]:
    """What can be said of some images.

    Args:
        number: of them.
        correct: of them.
        sums: of them, see `_sums`.
    """
    losses, of_ranks, of_bins = sums
    loss, squares = losses.tolist()
    ranks = of_ranks.cumsum().tolist()
    return {
        "examples": number,
        "accuracy": correct / number if number else None,
        "accuracy_interval": wilson_interval(correct, number, confidence),
        # Share of images whose label is among the k most probable classes.
        "top_k": {str(k): ranks[k - 1] / number for k in range(2, len(ranks) + 1) if number},
        # Mean of -ln p(label), in nats.
        "loss": _number(loss / number) if number else None,
        "loss_interval": mean_interval(loss, squares, number, confidence),
        "ece": _ece(of_bins),
    }


def _describe_class(
    numbers: tuple[Any, ...], sums: Sequence[np.ndarray], confidence: float
) -> dict[str, Any]:
    one = dict(zip(_OF_CLASSES, numbers, strict=True))
    right, predicted = one["right"], one["predicted"]
    found = _of_images(one["examples"], right, sums, confidence)
    return {
        **found,
        "predicted": predicted,
        "precision": _number(one["precision"]),  # right / predicted
        "precision_interval": wilson_interval(right, predicted, confidence),
        "recall": found["accuracy"],  # right / images of the class
        "recall_interval": found["accuracy_interval"],
        "f1": _number(one["f1"]),
        "auc": _number(one["auc"]),
    }


def describe_calibration(answers: Answers) -> list[dict[str, Any]]:
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


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
