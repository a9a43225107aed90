"""Does an answer about one image depend on the images that are asked about beside it?

Evaluation asks about a thousand images at once, a user about one: arithmetic that looks across the
batch, such as a mean over it, is right for the one and wrong for the other.
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

NUMBER = 100  # images that are asked about
_BYTES = 64 << 20  # of images: fewer of them where they are large, but a few
_LEAST = 4


class Difference(NamedTuple):
    """The largest absolute difference from the answers given together, and when it was seen."""

    value: float  # NaN where one of the two is and the other is not; infinity for another shape
    arrangement: str


def sample_images(examples: Examples, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Up to `NUMBER` images from all over a split.

    Returns:
        (n, height, width, channels) uint8 and their labels, (n,) int64.
    """
    size = examples.num_examples(split)
    number = min(size, NUMBER, max(_LEAST, _BYTES // examples.spec.image_bytes))
    places = np.unique(np.linspace(0, size - 1, number).astype(int)).tolist()
    return read_images(examples, split, places)


def arrange_batches(labels: np.ndarray) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Ways to ask about n images: how, and batches of their places, each place in one of them."""
    places = np.arange(len(labels))
    yield "alone", [places[place : place + 1] for place in places]
    yield "in reverse", [places[::-1]]
    yield "in sevens", [places[start : start + 7] for start in range(0, len(places), 7)]
    yield "sorted by class", [np.argsort(labels, kind="stable")]


def find_largest_difference(
    answer: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, what: str = ""
) -> Difference:
    """Ask about all images together, then in other arrangements; compare image by image.

    Args:
        answer: places of images, (m,) int64 -> (m, …) numbers.
        labels: (n,) int64, of the images.
        what: is asked, for the words.
    """
    if not len(labels):
        return Difference(0.0, what)
    together = np.asarray(answer(np.arange(len(labels))), np.float64)
    found = [Difference(0.0, what)]
    for how, batches in arrange_batches(labels):
        answers = [np.asarray(answer(batch), np.float64) for batch in batches]
        value = _difference(together, np.concatenate(batches), answers)
        found.append(Difference(value, f"{what} {how}".strip()))
    return _worst(found)


def find_bundle_difference(
    bundle: Callable[[str, Any], dict[str, Any]],
    images: np.ndarray,
    labels: np.ndarray,
    signatures: Collection[str] = tuple(SIGNATURES),
) -> Difference:
    """The largest difference of a probability, over the signatures of a bundle.

    Args:
        bundle: as `saved_model.load_bundle` gives it.
        images: (n, height, width, channels) uint8.
        labels: (n,) int64.
        signatures: those to ask.
    """

    def of(name: str, encoded: Any) -> Difference:
        def answer(places: np.ndarray) -> np.ndarray:
            batch = images[places] if encoded is images else [encoded[place] for place in places]
            return bundle(name, batch)[PROBABILITIES]  # type: ignore[no-any-return]

        return find_largest_difference(answer, labels, f"by {name}")

    return _worst([of(name, e) for name, e in encode_for_signatures(images) if name in signatures])


def _difference(together: np.ndarray, places: np.ndarray, answers: list[np.ndarray]) -> float:
    if any(answer.shape[1:] != together.shape[1:] for answer in answers):
        return math.inf
    found = np.concatenate(answers)
    if not len(found) == len(together) == len(places):
        return math.inf
    wanted = together[places]
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))  # infinities, too
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0.0, np.abs(found - wanted)), initial=0.0))


def _worst(found: list[Difference]) -> Difference:
    return max(found, key=lambda one: (math.isnan(one.value), one.value))
