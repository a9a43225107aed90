"""Run a module in a clean child process that loads only what the module imports.

Parent and child exchange lines of JSON. The parent sends jobs. The child answers each with
{"done", "total"} for progress, then {"result"} or {"error"}, a serialized PenstockError.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import PenstockError, StepError, deserialize_error, serialize_error

Progress = Callable[[int, int], None]  # done, total

_HOME = Path(__file__).resolve().parents[1]  # the folder of Penstock's packages


def child_environment() -> dict[str, str]:
    """Return the environment for a child process in which Penstock's packages come first."""
    others = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_HOME), *([others] if others else [])]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # it shares the GPU with this process
    }


class CleanProcess:
    """A child, `python -m module`, in which `answer_jobs` runs.

    `close` ends it, as does the end of this process.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (kept as long as the child)
        self.process = subprocess.Popen(
            # -P: the user's folder `data` in the current folder must not hide Penstock's.
            [sys.executable, "-P", "-m", module],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def run_job(self, job: dict[str, Any], progress: Progress = lambda *_: None) -> Any:
        """Send a job, and wait for its result.

        Args:
            job: anything that JSON can hold.
            progress: called with (done, total).

        Returns:
            What the child's `work` returned; None if the child ended without a result.

        Raises:
            PenstockError: the error that the child found.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        for line in self.process.stdout:
            answer = json.loads(line)
            if "result" in answer:
                return answer["result"]
            if "error" in answer:
                raise deserialize_error(answer["error"]) or StepError(answer["error"])
            progress(answer["done"], answer["total"])
        return None

    def describe_exit(self) -> str:
        """Return the exit code of a child that has ended, and the last lines of its stderr."""
        code = self.process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()[-20:]
        return "\n    ".join([f"exit code {code}", *lines])

    def close(self) -> None:
        """Kill the child."""
        self.process.kill()
        self.process.communicate()
        self._stderr.close()


_spare: CleanProcess | None = None


def start_spare_process(module: str) -> None:
    """Start a process of the module ahead of its use: it imports TensorFlow in the meantime."""
    if _spare is None:
        _keep(CleanProcess(module))


def stop_spare_process() -> None:
    """End the spare process, if there is one."""
    global _spare
    if _spare is not None:
        _spare.close()
        _spare = None


atexit.register(stop_spare_process)


@contextmanager
def use_clean_process(module: str) -> Iterator[CleanProcess]:
    """Yield the module's spare process, or a new one.

    Afterwards it is kept as the spare one, unless the block raised.
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
    if _spare is not None:  # from a nested block
        process.close()
        return
    _spare = process


def answer_jobs(prepare: Callable[[], None], work: Callable[[Any, Progress], Any]) -> None:
    """Do one job of the parent after the other: what a child's `main` calls.

    The process ends when the parent does, and with a traceback after an unexpected error.

    Args:
        prepare: called once before the first job, which may come later: slow imports.
        work: takes a job and a function for its progress, and returns what JSON can hold.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the output of libraries must not mix with the answers
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()

    def send(**answer: Any) -> None:
        print(json.dumps(answer), file=answers)

    prepare()
    while True:
        job = json.loads(jobs.get())
        try:
            send(result=work(job, lambda done, total: send(done=done, total=total)))
        except PenstockError as error:
            send(error=serialize_error(error))


def _read_jobs(jobs: queue.Queue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(1)
