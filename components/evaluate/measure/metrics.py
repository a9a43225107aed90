"""Compute metrics from counts. A metric that is undefined is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.evaluate.measure.answers import Answers
from components.evaluate.measure.auc import compute_auc
from components.evaluate.measure.intervals import mean_interval, wilson_interval


def describe(answers: Answers, class_names: tuple[str, ...], confidence: float) -> dict[str, Any]:
    """Compute a model's metrics: {"overall": …, "classes": {name: …}}, as in `verdict.json`."""
    metrics = _compute_class_metrics(answers)
    of_class = zip(*(metrics[metric].tolist() for metric in _OF_CLASSES), strict=True)
    sums = zip(*_list_sums(answers), strict=True)
    classes = {
        name: _describe_class(one, of_one, confidence)
        for name, one, of_one in zip(class_names, of_class, sums, strict=True)
    }
    return {"overall": describe_overall(answers, confidence), "classes": classes}


def describe_overall(answers: Answers, confidence: float) -> dict[str, Any]:
    """Compute the metrics of all images of a slice, as in `verdict.json`."""
    metrics = _compute_class_metrics(answers)
    number, right = int(metrics["examples"].sum()), int(metrics["right"].sum())
    sums = [of_classes.sum(axis=0) for of_classes in _list_sums(answers)]
    overall = _compute_image_metrics(number, right, sums, confidence)
    present = metrics["examples"] > 0
    for metric in ("precision", "recall", "f1", "auc"):
        # The macro mean: each class that has images counts the same; undefined counts as 0.
        values = np.nan_to_num(metrics[metric][present])
        overall[metric] = float(values.mean()) if len(values) else None
    if present.sum() < 2:  # no image of another class to score lower
        overall["auc"] = None
    return overall | {"precision_interval": None, "recall_interval": None}


_OF_CLASSES = ("examples", "right", "predicted", "precision", "recall", "f1", "auc")


def _compute_class_metrics(answers: Answers) -> dict[str, np.ndarray]:
    """Compute the metrics of each class against the rest, (C,) each."""
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


def _list_sums(answers: Answers) -> list[np.ndarray]:
    """Return losses, ranks (all but the last possible one) and calibration of each class."""
    return [answers.losses, answers.ranks[:, : answers.classes - 1], answers.calibration]


def _compute_image_metrics(
    number: int, correct: int, sums: Sequence[np.ndarray], confidence: float
) -> dict[str, Any]:
    """Compute the metrics that are means over images.

    Args:
        number: of images.
        correct: number of images with the right answer.
        sums: over these images, see `_sums`.
    """
    losses, of_ranks, of_bins = sums
    loss, squares = losses.tolist()
    ranks = of_ranks.cumsum().tolist()
    return {
        "examples": number,
        "accuracy": correct / number if number else None,
        "accuracy_interval": wilson_interval(correct, number, confidence),
        # share of images whose label is among the k most probable classes
        "top_k": {str(k): ranks[k - 1] / number for k in range(2, len(ranks) + 1) if number},
        # mean of -ln p(label), in nats
        "loss": _finite_or_none(loss / number) if number else None,
        "loss_interval": mean_interval(loss, squares, number, confidence),
        "ece": _compute_ece(of_bins),
    }


def _describe_class(
    numbers: tuple[Any, ...], sums: Sequence[np.ndarray], confidence: float
) -> dict[str, Any]:
    one = dict(zip(_OF_CLASSES, numbers, strict=True))
    right, predicted = one["right"], one["predicted"]
    means = _compute_image_metrics(one["examples"], right, sums, confidence)
    return {
        **means,
        "predicted": predicted,
        "precision": _finite_or_none(one["precision"]),  # right / predicted
        "precision_interval": wilson_interval(right, predicted, confidence),
        "recall": means["accuracy"],  # right / images of the class
        "recall_interval": means["accuracy_interval"],
        "f1": _finite_or_none(one["f1"]),
        "auc": _finite_or_none(one["auc"]),
    }


def describe_calibration(answers: Answers) -> list[dict[str, Any]]:
    """Describe the bins of the reliability curve, the least confident first."""
    bins = answers.calibration.sum(axis=0)
    return [
        {
            "low": index / len(bins),
            "high": (index + 1) / len(bins),
            "examples": int(number),
            "confidence": confidence / number if number else None,
            "accuracy": right / number if number else None,
        }
        for index, (number, confidence, right) in enumerate(bins.tolist())
    ]


def _compute_ece(bins: np.ndarray) -> float | None:
    """Compute the expected calibration error: the mean of |accuracy - confidence| of the bins.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    number, confidence, right = bins.T
    return float(np.abs(right - confidence).sum() / number.sum()) if number.sum() else None


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
