"""Choose class names, and check that labels and class names agree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.errors import BadDataError

_MOST_CLASSES = 65_536  # a larger label is treated as an error in the data

_FROM_1 = (
    "--set ingest.first_label=1 if these labels count from 1; or put a name for label 0 first in "
    "ingest.class_names"
)


def choose_class_names(
    given: tuple[str, ...] | None, own: tuple[str, ...], source: str
) -> tuple[str, ...]:
    """Return the `given` class names, or the source's `own` where none are given.

    Raises:
        BadDataError: the number of given names is not the number of classes.
    """
    if given is None or len(given) == len(own):
        return given or own
    raise BadDataError(
        f"ingest.class_names does not match the classes of {source}",
        expected=f"{len(own)} names, for {', '.join(own[:12])}{' …' if len(own) > 12 else ''}",
        got=f"{len(given)}: {', '.join(given[:12])}",
        follows="nothing was ingested",
        remedy="name each class once, in the order of the labels, or remove the setting",
    )


def infer_class_names(
    counts: Mapping[int, int], given: tuple[str, ...] | None, where: str, first: int = 0
) -> tuple[str, ...]:
    """Return the class names for the labels in the data: those given, or "0", "1", … .

    Args:
        counts: label, from 0 → number of occurrences.
        given: names in the order of the labels; classes without images are allowed.
        where: the files with the labels, for messages.
        first: number of the first class in the data, for messages.

    Raises:
        BadDataError: a label below 0 or without a name; or, without given names, a gap in the
            labels, since then the highest label is probably an error.
    """
    lowest, highest = min(counts), max(counts)
    num_classes = len(given) if given else _MOST_CLASSES
    if lowest < 0 or highest >= num_classes:
        wrong = lowest if lowest < 0 else highest
        raise BadDataError(
            f"a label is out of range in {where}",
            expected=f"{first} to {first + num_classes - 1}"
            + (f", for {num_classes} given class names" if given else ""),
            got=f"{first + wrong}, {counts[wrong]} times",
            follows="nothing was ingested",
            remedy=_advise(first, lowest == 1 and highest == num_classes, ", or fix the labels"),
        )
    missing = sorted(set(range(highest)) - set(counts))
    if missing and given is None:
        raise BadDataError(
            f"the labels in {where} have gaps",
            expected="at least one image of each class from "
            f"{first} to the highest label, {first + highest}",
            got="no image of "
            + ", ".join(str(first + label) for label in missing[:8])
            + (" …" if len(missing) > 8 else ""),
            follows="nothing was ingested: the highest label may be an error",
            remedy=_advise(first, missing == [0], " if that is intended, or fix the labels"),
        )
    return given or tuple(str(first + label) for label in range(highest + 1))


def _advise(first: int, from_1: bool, end: str) -> str:
    if from_1 and not first:
        return _FROM_1
    return "name all classes in ingest.class_names" + end


def count_labels(labels: np.ndarray) -> dict[int, int]:
    """Count labels, (n,) integers: label → number of occurrences."""
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
