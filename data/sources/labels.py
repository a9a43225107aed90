"""Labels: how many classes, what they are called, and that none is out of range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.errors import BadDataError

if TYPE_CHECKING:
    import numpy as np


def names_for(given: tuple[str, ...] | None, highest: int) -> tuple[str, ...]:
    """The class names that were given, else "0", "1", … up to the highest label."""
    return given or tuple(str(label) for label in range(max(highest, 1) + 1))


def check_labels(labels: np.ndarray, classes: int, where: str, first: int = 0) -> None:
    """Raise BadDataError at the first label that is not one of `classes` classes.

    Args:
        labels: (n,) of integers.
        classes: labels must be from 0 to one less.
        where: the file or split, for the message.
        first: the place of `labels[0]` in the whole.
    """
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        at = int(wrong.argmax())
        raise BadDataError(
            f"{where} has a label out of range",
            expected=f"0 to {classes - 1}, for {classes} classes",
            got=f"{int(labels[at])}, of image {first + at:,} (from 0)",
            follows="nothing was written",
            remedy="name all classes in ingest.class_names, or mend the labels",
        )
