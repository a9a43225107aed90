"""Check that a bundle's weights are finite, and bit for bit those that were trained.

Predictions alone do not show it: on a CPU a relu of NaN is 0, and the weight of a pixel that is
black in all test images has no effect there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from serving_export.bundle.manifest import WEIGHTS

RECORDED = "weights"  # key in `parity.npz`


def digest_weights(variables: Iterable[Any]) -> np.ndarray:
    """Digest each variable's bytes by sha256: (n,) hexadecimal text.

    Args:
        variables: of Keras or TensorFlow, in the model's order.
    """
    return np.array([hashlib.sha256(v.numpy().tobytes()).hexdigest() for v in variables], "U64")


def count_changed_weights(saved: Any, npz: Path) -> int | None:
    """Count a bundle's variables that differ from the trained ones.

    Args:
        saved: a bundle's loaded SavedModel.
        npz: the file of `parity.record_parity`.

    Returns:
        The number of variables; all of them where the numbers differ. None where the file has no
        digests.
    """
    with np.load(npz, allow_pickle=False) as recorded:
        if RECORDED not in recorded:
            return None
        expected = recorded[RECORDED]
    digests = digest_weights(getattr(saved, WEIGHTS, ()))
    if len(digests) != len(expected):
        return max(len(digests), len(expected))
    return int((digests != expected).sum())


def count_nonfinite_weights(saved: Any) -> int:
    """Count the NaN or infinite weights of a loaded SavedModel; 0 where it lists no weights."""
    floats = [v.numpy() for v in getattr(saved, WEIGHTS, ()) if v.dtype.is_floating]
    return sum(int((~np.isfinite(values)).sum()) for values in floats)
