"""The clean process of a parity check: knows TensorFlow and the bundle, nothing of the training.

`python -m serving_export.parity.worker` imports TensorFlow and waits for lines of JSON on stdin,
one for each check: {"bundle", "npz", "digest"}, with absolute paths. It answers with lines of JSON
on stdout: {"done", "total"} while at work, then {"images": n, "differences": {signature: [largest
absolute difference, the same bit for bit]}} or {"error"}. It ends when stdin does: whoever started
it is gone.
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

BATCH = 100  # images; the same when recorded and when checked, for sums may depend on it


def main() -> None:
    """Answer one job after the other, or fail with a traceback on stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the answers
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()

    def say(**answer: Any) -> None:
        print(json.dumps(answer), file=answers)

    # A consumer may have no Keras, so none is to be had here; it is also a third of TensorFlow's
    # import, which is what a process started early has behind it.
    sys.modules["keras"] = None  # type: ignore[assignment]
    import tensorflow  # noqa: F401

    while True:
        job = json.loads(jobs.get())
        try:
            images, differences = compare(job, lambda done, total: say(done=done, total=total))
            say(images=images, differences=differences)
        except PenstockError as error:
            say(error=serialize_error(error))


def _listen(jobs: queue.Queue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(1)


def compare(
    job: dict[str, Any], progress: Callable[[int, int], None]
) -> tuple[int, dict[str, tuple[float, bool]]]:
    """Ask all signatures of a bundle for the recorded images; compare with the recorded answers.

    Returns:
        As `check.compare_in_process`.

    Raises:
        BadDataError: the bundle or the recording is not what it should be.
    """
    import numpy as np

    from serving_export.bundle.manifest import PROBABILITIES, SIGNATURES
    from serving_export.bundle.saved_model import load_bundle

    try:
        with open(job["npz"], "rb") as file, np.load(file, allow_pickle=False) as recorded:
            images, wanted = recorded["images"], recorded["probabilities"]
    except Exception as error:  # whatever zipfile and NumPy raise for a broken file
        raise BadDataError(f"cannot read the parity recording {job['npz']}", got=error) from error
    bundle = load_bundle(Path(job["bundle"]), job["digest"])
    seen: dict[str, list[Any]] = {name: [] for name in SIGNATURES}
    for start in range(0, len(images), BATCH):
        for name, batch in encode_for_signatures(images[start : start + BATCH]):
            seen[name].append(bundle(name, batch)[PROBABILITIES])
        progress(min(start + BATCH, len(images)), len(images))
    found = {name: np.concatenate(batches) for name, batches in seen.items()}
    differences = {
        name: (float(np.max(np.abs(answer - wanted))), answer.tobytes() == wanted.tobytes())
        for name, answer in found.items()
    }
    return len(images), differences


if __name__ == "__main__":
    main()
