"""Labels and class names: do they fit one another?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.errors import BadDataError

_MOST_CLASSES = 65_536  # a label beyond is taken for an error, not for so many classes

_FROM_0 = (
    "labels count from 0, these from 1: subtract 1 from each, or let a name for label 0 be the "
    "first in ingest.class_names"
)


def choose_class_names(
    given: tuple[str, ...] | None, own: tuple[str, ...], source: str
) -> tuple[str, ...]:
    """The class names to use where the source has its `own`: those, or as many `given` ones.

    Raises:
        BadDataError: fewer or more names than classes.
    """
    if given is None or len(given) == len(own):
        return given or own
    raise BadDataError(
        f"ingest.class_names does not name the classes of {source}",
        expected=f"{len(own)} names, for {', '.join(own[:12])}{' …' if len(own) > 12 else ''}",
        got=f"{len(given)}: {', '.join(given[:12])}",
        follows="nothing was ingested",
        remedy="name every class once, in the order of the labels, or leave the names out",
    )


def infer_class_names(
    counts: Mapping[int, int], given: tuple[str, ...] | None, where: str
) -> tuple[str, ...]:
    """The class names for labels seen in the data: those given, else "0", "1", … to the highest.

    Args:
        counts: label → how often it occurs.
        given: names in the order of the labels; a class without an image may be among them.
        where: what holds the labels, for messages.

    Raises:
        BadDataError: a label below 0 or without a name; without given names, a label below the
            highest that never occurs, since then the highest is more likely an error.
    """
    lowest, highest = min(counts), max(counts)
    most = len(given) if given else _MOST_CLASSES
    if lowest < 0 or highest >= most:
        wrong = lowest if lowest < 0 else highest
        raise BadDataError(
            f"a label is out of range in {where}",
            expected=f"0 to {most - 1}" + (f": {most} class names were given" if given else ""),
            got=f"{wrong}, {counts[wrong]} times",
            follows="nothing was ingested",
            remedy=_FROM_0
            if lowest == 1 and highest == most
            else "name all classes in ingest.class_names, or fix the labels",
        )
    missing = sorted(set(range(highest)) - set(counts))
    if missing and given is None:
        raise BadDataError(
            f"the labels in {where} leave classes out",
            expected=f"an image of each class from 0 to the highest label, {highest}",
            got=f"none of {', '.join(map(str, missing[:8]))}{' …' if len(missing) > 8 else ''}",
            follows="nothing was ingested: a label may be out of range",
            remedy=_FROM_0
            if missing == [0]
            else "name all classes in ingest.class_names if that is meant, or fix the labels",
        )
    return given or tuple(str(label) for label in range(highest + 1))


def count_labels(labels: np.ndarray) -> dict[int, int]:
    """(n,) integers → label → how often it occurs."""
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
