"""Which images a model was trained on, as content hashes that travel with it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from data.batches.parse import translate_record_errors
from data.batches.sequential import read_batches
from data.content_hash import hash_images
from data.errors import BadDataError
from data.examples.artifact import Examples

FILE = "assets.extra/trained_on.npy"  # in a bundle
_BATCH = 1024


def hash_split(examples: Examples, split: str) -> np.ndarray:
    """A hash of each image of a split, (n,) uint64, in the order at rest.

    Raises:
        BadDataError: the examples are damaged.
    """
    with translate_record_errors(examples):
        found = [
            hash_images(images)
            for images, _ in read_batches(examples, split, batch_size=_BATCH).as_numpy_iterator()
        ]
    return np.concatenate([np.zeros(0, np.uint64), *found])


def serialize_training_hashes(
    examples: Examples, split: str, ancestor: Path | None
) -> bytes | None:
    """The content of `FILE`: the split's images, and all that an ancestor was trained on.

    None, which says that it is not known, where an ancestor has no record.
    """
    known = [hash_split(examples, split)]
    if ancestor is not None:
        before = read_training_hashes(ancestor)
        if before is None:
            return None
        known.append(before)
    file = io.BytesIO()
    np.save(file, np.unique(np.concatenate(known)), allow_pickle=False)
    return file.getvalue()


def read_training_hashes(bundle: Path) -> np.ndarray | None:
    """The hashes in a bundle, (n,) uint64 in order; None where it has none.

    Raises:
        BadDataError: the file is there and cannot be read.
    """
    path = bundle / FILE
    if not path.is_file():
        return None
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
        return found
    except Exception as error:  # whatever NumPy raises for a broken file
        raise BadDataError(f"cannot read {path}", expected="hashes of images", got=error) from error
