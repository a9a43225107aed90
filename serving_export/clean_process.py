"""Child processes that load nothing but what they are for: each is a module that is run."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    """A child, `python -m module`, that is given jobs, and answers in lines of JSON.

    It ends with `close`; one that waits for its job ends by itself when this process does.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        self.process = subprocess.Popen(
            # -P: a folder `data` of the user's own in the current folder must not shadow ours.
            [sys.executable, "-P", "-m", module],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def run_job(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Hand over a job; what the child says, until it says no more."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return
        yield from map(json.loads, self.process.stdout)

    def describe_exit(self) -> str:
        """The exit code of a child that has ended, and what it wrote last on stderr."""
        code = self.process.wait()
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip().splitlines()[-20:]
        return "\n    ".join([f"exit code {code}", *words])

    def close(self) -> None:
        """End the child, whatever it is at."""
        self.process.kill()
        self.process.communicate()
        self._stderr.close()


_spare: CleanProcess | None = None


def start_spare_process(module: str) -> None:
    """Start the module's next process now: it imports TensorFlow while this one does other work."""
    if _spare is None:
        _keep(CleanProcess(module))


def stop_spare_process() -> None:
    """End the process that waits for its next job, if there is one."""
    global _spare
    if _spare is not None:
        _spare.close()
        _spare = None


atexit.register(stop_spare_process)


@contextmanager
def use_clean_process(module: str) -> Iterator[CleanProcess]:
    """The module's process that waits, or a new one.

    It waits again afterwards, unless the block raised.
    """
    global _spare
    process, _spare = _spare, None
    if process is not None and (process.module != module or process.process.poll() is not None):
        process.close()
        process = None
    process = process or CleanProcess(module)
    try:
        yield process
    except BaseException:
        process.close()
        raise
    _keep(process)


def _keep(process: CleanProcess) -> None:
    global _spare
    if _spare is not None:  # of a block within a block
        process.close()
        return
    _spare = process
