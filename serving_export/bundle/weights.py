"""Are a bundle's weights numbers, and bit for bit those that were trained?

Answers alone do not tell: on a CPU a relu of NaN is 0, and a weight of a pixel that is dark in all
images asked about does nothing there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from serving_export.bundle.manifest import WEIGHTS

RECORDED = "weights"  # in `parity.npz`


def digest_weights(variables: Iterable[Any]) -> np.ndarray:
    """The sha256 of each variable's bytes, (n,) text in hexadecimal.

    Args:
        variables: of Keras or TensorFlow, in the model's order.
    """
    return np.array([hashlib.sha256(v.numpy().tobytes()).hexdigest() for v in variables], "U64")


def count_changed_weights(saved: Any, npz: Path) -> int | None:
    """How many of a bundle's variables are not those that were trained.

    Args:
        saved: a bundle's SavedModel, loaded.
        npz: what `parity.record_parity` wrote.

    Returns:
        The number of variables; of all, where there are more or fewer. None where nothing was
        recorded.
    """
    with np.load(npz, allow_pickle=False) as recorded:
        if RECORDED not in recorded:
            return None
        wanted = recorded[RECORDED]
    found = digest_weights(getattr(saved, WEIGHTS, ()))
    if len(found) != len(wanted):
        return max(len(found), len(wanted))
    return int((found != wanted).sum())


def count_nonfinite_weights(saved: Any) -> int:
    """How many weights of a loaded SavedModel are NaN or infinite; 0 where it names no weights."""
    floats = [v.numpy() for v in getattr(saved, WEIGHTS, ()) if v.dtype.is_floating]
    return sum(int((~np.isfinite(values)).sum()) for values in floats)
