"""Run parity checks in a clean process, which has TensorFlow and the bundle but no training code.

`python -m serving_export.parity.worker` imports TensorFlow and waits for lines of JSON on stdin,
one for each check: {"bundle", "npz", "digest"}, with absolute paths. It answers with lines of JSON
on stdout: {"done", "total"} for progress, then {"images": n, "differences": {signature: [largest
absolute difference, identical bit for bit]}} or {"error"}. It ends when stdin is closed, which
happens when its parent process ends.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import BadDataError, PenstockError, serialize_error
from serving_export.bundle.requests import encode_for_signatures

BATCH = 100  # images; equal for recording and check, because float sums may depend on it


def main() -> None:
    """Run one job after the other; an unexpected error ends the process with a traceback."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the output of libraries must not mix with the answers
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()

    def send(**answer: Any) -> None:
        print(json.dumps(answer), file=answers)

    # Keras is hidden, because a consumer may not have it; it is also a third of TensorFlow's import
    # time.
    sys.modules["keras"] = None  # type: ignore[assignment]
    import tensorflow  # noqa: F401

    while True:
        job = json.loads(jobs.get())
        try:
            images, differences = compare(job, lambda done, total: send(done=done, total=total))
            send(images=images, differences=differences)
        except PenstockError as error:
            send(error=serialize_error(error))


def _read_jobs(jobs: queue.Queue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(1)


def compare(
    job: dict[str, Any], progress: Callable[[int, int], None]
) -> tuple[int, dict[str, tuple[float, bool]]]:
    """Call all signatures of a bundle with the recorded images, and compare the predictions.

    Returns:
        As `check.compare_in_process`.

    Raises:
        BadDataError: the bundle or the recording is invalid.
    """
    import numpy as np

    from serving_export.bundle.manifest import PROBABILITIES, SIGNATURES
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
    batches: dict[str, list[Any]] = {name: [] for name in SIGNATURES}
    for start in range(0, len(images), BATCH):
        for name, batch in encode_for_signatures(images[start : start + BATCH]):
            batches[name].append(bundle(name, batch)[PROBABILITIES])
        progress(min(start + BATCH, len(images)), len(images))
    answers = {name: np.concatenate(parts) for name, parts in batches.items()}
    differences = {
        name: (float(np.max(np.abs(answer - expected))), answer.tobytes() == expected.tobytes())
        for name, answer in answers.items()
    }
    return len(images), differences


if __name__ == "__main__":
    main()
