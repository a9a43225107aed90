"""Record the images that a model was trained on, as content hashes in its bundle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from data.base.content_hash import hash_images
from data.batches.parse import translate_record_errors
from data.batches.sequential import read_batches
from data.errors import BadDataError
from data.examples.artifact import Examples

FILE = "assets.extra/trained_on.npy"  # in a bundle
_BATCH = 1024


def hash_split(examples: Examples, split: str) -> np.ndarray:
    """Hash each image of a split: (n,) uint64, in the order on disk.

    Raises:
        BadDataError: the examples are damaged.
    """
    with translate_record_errors(examples):
        hashes = [
            hash_images(images)
            for images, _ in read_batches(examples, split, batch_size=_BATCH).as_numpy_iterator()
        ]
    return np.concatenate([np.zeros(0, np.uint64), *hashes])


def serialize_training_hashes(
    examples: Examples, split: str, ancestor: Path | None
) -> bytes | None:
    """Return the content of `FILE`: hashes of a split and of the ancestor's training images.

    Args:
        examples: the dataset.
        split: name of the split.
        ancestor: bundle of the model that the training started from, if any. Where it has no
            record, the training images are not known, and the result is None.
    """
    hashes = [hash_split(examples, split)]
    if ancestor is not None:
        inherited = read_training_hashes(ancestor)
        if inherited is None:
            return None
        hashes.append(inherited)
    file = io.BytesIO()
    np.save(file, np.unique(np.concatenate(hashes)), allow_pickle=False)
    return file.getvalue()


def read_training_hashes(bundle: Path) -> np.ndarray | None:
    """Read the hashes in a bundle: (n,) uint64, sorted; None where it has none.

    Raises:
        BadDataError: the file exists and cannot be read.
    """
    path = bundle / FILE
    if not path.is_file():
        return None
    try:
        hashes: np.ndarray = np.load(path, allow_pickle=False)
        return hashes
    except Exception as error:  # NumPy raises many types for a damaged file
        raise BadDataError(
            f"cannot read {path}",
            expected="hashes of images",
            got=error,
            remedy="restore the model from an intact copy, or train it again",
        ) from error
