"""A child process in which nothing of the training is loaded; see `parity_child` for its side."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import StepError, revive

_HOME = Path(__file__).resolve().parents[1]  # the folder that holds our packages


def child_environment() -> dict[str, str]:
    """The environment of a child of this interpreter that finds our packages first."""
    others = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_HOME), *([others] if others else [])]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # it shares the GPU with this process
    }


class CleanProcess:
    """A child that imports TensorFlow, then compares bundles with recordings.

    It ends with `close`, and by itself when this process ends, however that ends.
    """

    def __init__(self) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        self.process = subprocess.Popen(
            # -P: a folder `data` of the user's own in the current folder must not shadow ours.
            [sys.executable, "-P", "-m", "serving_export.parity_child"],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def compare(
        self, job: dict[str, Any], progress: Callable[..., None]
    ) -> tuple[int, dict[str, tuple[float, bool]]]:
        """Hand over the job and wait.

        Args:
            job: "bundle" and "npz", absolute paths, and the bundle's "digest" or None.
            progress: called with (done, total, what is being done).

        Returns:
            Number of images; for each signature the largest absolute difference of a probability
            (NaN where one of the two is), and whether all were the same bit for bit.

        Raises:
            PenstockError: what the child found wrong with the bundle or the recording.
            StepError: the child crashed; its last words are in the error.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._crash() from None
        for line in self.process.stdout:
            answer = json.loads(line)
            if "differences" in answer:
                return answer["images"], answer["differences"]
            if "error" in answer:
                raise revive(answer["error"]) or StepError(answer["error"])
            progress(answer["done"], answer["total"], "comparing with the trained model")
        raise self._crash()

    def _crash(self) -> StepError:
        code = self.process.wait()
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip().splitlines()[-20:]
        return StepError(
            "the clean process that loads the exported model crashed",
            expected="it loads the model and answers",
            got="\n    ".join([f"exit code {code}", *words]),
            follows="the model is not shown to work outside the process that trained it",
        )

    def close(self) -> None:
        """End the child, whatever it is at."""
        self.process.kill()
        self.process.communicate()
        self._stderr.close()


_spare: CleanProcess | None = None


def warm_up() -> None:
    """Start the next check's process now: it imports TensorFlow while this one does other work."""
    if _spare is None:
        _keep(CleanProcess())


def cool_down() -> None:
    """End the process that waits for the next check, if there is one."""
    global _spare
    if _spare is not None:
        _spare.close()
        _spare = None


atexit.register(cool_down)


@contextmanager
def clean_process() -> Iterator[CleanProcess]:
    """The process that waits, or a new one. It waits again afterwards, unless the block raised."""
    global _spare
    process, _spare = _spare, None
    if process is not None and process.process.poll() is not None:
        process.close()
        process = None
    process = process or CleanProcess()
    try:
        yield process
    except BaseException:
        process.close()
        raise
    _keep(process)


def _keep(process: CleanProcess) -> None:
    global _spare
    if _spare is not None:  # of a check within a check
        process.close()
        return
    _spare = process
