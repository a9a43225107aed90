"""Check that a prediction for one image does not depend on the other images of its batch.

Evaluation predicts a thousand images per batch, a user one: arithmetic across the batch, such as a
mean over it, would give different predictions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import numpy as np

from data.examples.artifact import Examples
from data.examples.read_images import read_images
from serving_export.bundle.manifest import PROBABILITIES, SIGNATURES
from serving_export.bundle.requests import encode_for_signatures

NUMBER = 100  # images in a sample
_MAX_BYTES = 64 << 20  # of images; fewer images where they are large,
_MIN_IMAGES = 4  # but not fewer than this


class Difference(NamedTuple):
    """The largest absolute difference from the predictions for one batch of all images."""

    value: float  # NaN where only one of the two is; infinity for another shape
    arrangement: str  # signature and batches that gave it


def sample_images(examples: Examples, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read up to `NUMBER` images, evenly spaced over a split.

    Returns:
        (n, height, width, channels) uint8 and their labels, (n,) int64.
    """
    size = examples.num_examples(split)
    number = min(size, NUMBER, max(_MIN_IMAGES, _MAX_BYTES // examples.spec.image_bytes))
    indices = np.unique(np.linspace(0, size - 1, number).astype(int)).tolist()
    return read_images(examples, split, indices)


def arrange_batches(labels: np.ndarray) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield ways to batch n images: a name, and batches of their indices, each index once."""
    indices = np.arange(len(labels))
    yield "alone", [indices[index : index + 1] for index in indices]
    yield "in reverse", [indices[::-1]]
    yield "in sevens", [indices[start : start + 7] for start in range(0, len(indices), 7)]
    yield "sorted by class", [np.argsort(labels, kind="stable")]


def find_largest_difference(
    predict: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, what: str = ""
) -> Difference:
    """Predict all images in one batch, then in other batches, and compare image by image.

    Args:
        predict: maps indices of images, (m,) int64, to numbers (m, …).
        labels: (n,) int64, of the images.
        what: name of the prediction, for the result's `arrangement`.
    """
    if not len(labels):
        return Difference(0.0, what)
    reference = np.asarray(predict(np.arange(len(labels))), np.float64)
    differences = [Difference(0.0, what)]
    for name, batches in arrange_batches(labels):
        outputs = [np.asarray(predict(batch), np.float64) for batch in batches]
        value = _compare(reference, np.concatenate(batches), outputs)
        differences.append(Difference(value, f"{what} {name}".strip()))
    return _find_largest(differences)


def find_bundle_difference(
    bundle: Callable[[str, Any], dict[str, Any]],
    images: np.ndarray,
    labels: np.ndarray,
    signatures: Collection[str] = tuple(SIGNATURES),
) -> Difference:
    """Return the largest difference of a probability, over signatures of a bundle.

    Args:
        bundle: as `saved_model.load_bundle` returns it.
        images: (n, height, width, channels) uint8.
        labels: (n,) int64.
        signatures: those to call.
    """

    def check_signature(name: str, encoded: Any) -> Difference:
        def predict(indices: np.ndarray) -> np.ndarray:
            batch = images[indices] if encoded is images else [encoded[index] for index in indices]
            return bundle(name, batch)[PROBABILITIES]  # type: ignore[no-any-return]

        return find_largest_difference(predict, labels, f"by {name}")

    return _find_largest(
        [
            check_signature(name, e)
            for name, e in encode_for_signatures(images)
            if name in signatures
        ]
    )


def _compare(reference: np.ndarray, indices: np.ndarray, outputs: list[np.ndarray]) -> float:
    if any(output.shape[1:] != reference.shape[1:] for output in outputs):
        return math.inf
    actual = np.concatenate(outputs)
    if not len(actual) == len(reference) == len(indices):
        return math.inf
    expected = reference[indices]
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))  # infinities, too
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0.0, np.abs(actual - expected)), initial=0.0))


def _find_largest(differences: list[Difference]) -> Difference:
    return max(differences, key=lambda one: (math.isnan(one.value), one.value))
