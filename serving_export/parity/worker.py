"""Run parity checks in a clean process, which has TensorFlow and the bundle but no training code.

`python -m serving_export.parity.worker` imports TensorFlow and waits for jobs: {"bundle", "npz",
"digest"}, with absolute paths. The result of a job is {"images": n, "differences": {signature:
[largest absolute difference, identical bit for bit]}}.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import BadDataError
from serving_export.bundle.manifest import EXAMPLES, PROBABILITIES, SIGNATURES
from serving_export.bundle.requests import encode_examples, encode_for_signatures, encode_png
from serving_export.clean_process import Progress, answer_jobs

BATCH = 100  # images; equal for recording and check, because float sums may depend on it


def _import_tensorflow() -> None:
    # Keras is hidden, because a consumer may not have it; it is also a third of TensorFlow's import
    # time.
    sys.modules["keras"] = None  # type: ignore[assignment]
    import tensorflow  # noqa: F401


def compare(job: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Call all signatures of a bundle with the recorded images, and compare the predictions.

    Returns:
        As `check.compare_in_process`: "images" and "differences".

    Raises:
        BadDataError: the bundle or the recording is invalid.
    """
    import numpy as np

    from serving_export.bundle.saved_model import load_bundle

    try:
        with open(job["npz"], "rb") as file, np.load(file, allow_pickle=False) as recorded:
            images, expected = recorded["images"], recorded["probabilities"]
    except Exception as error:  # zipfile and NumPy raise many types for a damaged file
        raise BadDataError(
            f"cannot read the parity recording {job['npz']}",
            expected="the file that the training wrote",
            got=error,
            remedy="train the model again",
        ) from error
    bundle = load_bundle(Path(job["bundle"]), job["digest"])
    largest: dict[str, list[float]] = {name: [] for name in SIGNATURES}
    identical = dict.fromkeys(SIGNATURES, True)
    for start in range(0, len(images), BATCH):
        wanted = expected[start : start + BATCH]
        for name, batch in _encode(images[start : start + BATCH]):
            answer = bundle(name, batch)[PROBABILITIES]
            largest[name].append(float(np.max(np.abs(answer - wanted))))
            identical[name] &= answer.tobytes() == wanted.tobytes()
        progress(min(start + BATCH, len(images)), len(images))
    differences = {name: (float(np.max(largest[name])), identical[name]) for name in SIGNATURES}
    return {"images": len(images), "differences": differences}


def _encode(images: Any) -> Iterator[tuple[str, Any]]:
    """Yield each signature with its input; `examples` twice, by either store of Examples."""
    yield from encode_for_signatures(images)
    yield EXAMPLES, encode_examples(encode_png(images), kind="png")


if __name__ == "__main__":
    answer_jobs(_import_tensorflow, compare)
