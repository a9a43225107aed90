"""Worker processes of Beam's runner in this process: it waits for ever for one that has died."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.runner import PipelineResult

from components.beam.options import get_runner_name
from data.errors import EnvironmentTrouble

_THREAD = "run_worker"  # Beam's, which looks after one worker process
_POLL = 0.2  # seconds between two looks
_GRACE = 5.0  # seconds for the job to end: at its end workers may end in any way


def run_watching_workers(pipeline: beam.Pipeline) -> PipelineResult:
    """`pipeline.run()`; where its workers are processes of this machine, with an eye on them.

    Raises:
        EnvironmentTrouble: one of them has died.
    """
    mode = pipeline.options.view_as(DirectOptions).direct_running_mode
    if get_runner_name(pipeline.options) != "FnApiRunner" or mode != "multi_processing":
        return pipeline.run()
    came: list[PipelineResult | BaseException] = []

    def run() -> None:
        try:
            came.append(pipeline.run())
        except BaseException as error:
            came.append(error)

    # what the job is sent with stands in this context
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="beam-job", daemon=True)
    with _deaths() as deaths:
        thread.start()
        while thread.is_alive():
            thread.join(_POLL)
            if deaths:
                thread.join(_GRACE)
                break
    if not came:
        raise _died(deaths[0])
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


@contextlib.contextmanager
def _deaths() -> Iterator[list[str]]:
    """What Beam's threads say of worker processes that ended otherwise than well in the block."""
    deaths: list[str] = []
    before = threading.excepthook

    def note(args: Any) -> None:
        if args.thread is not None and args.thread.name == _THREAD:
            deaths.append(str(args.exc_value))
        else:
            before(args)

    threading.excepthook = note
    try:
        yield deaths
    finally:
        threading.excepthook = before


def _died(said: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        "a worker process died, or did not start",
        expected="worker processes that run until the job's end",
        got=said,
        follows="the job ended; nothing that it wrote counts",
        remedy="see what it printed: it may lack memory, or its Python lack a library; fewer "
        "--direct_num_workers need less",
    )
