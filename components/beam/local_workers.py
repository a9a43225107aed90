"""Run a pipeline with local worker processes, and notice when one of them dies.

Beam's own runner would wait for a dead worker for ever.
"""

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

_THREAD = "run_worker"  # name of the Beam threads that each watch one worker process
_POLL = 0.2  # seconds between two checks
_GRACE = 5.0  # seconds for the job to end: at its end workers may exit with any code


def run_watching_workers(pipeline: beam.Pipeline) -> PipelineResult:
    """Run a pipeline; if its workers are processes of this machine, watch them.

    Raises:
        EnvironmentTrouble: a worker process died.
    """
    mode = pipeline.options.view_as(DirectOptions).direct_running_mode
    if get_runner_name(pipeline.options) != "FnApiRunner" or mode != "multi_processing":
        return pipeline.run()
    results: list[PipelineResult | BaseException] = []

    def run() -> None:
        try:
            results.append(pipeline.run())
        except BaseException as error:
            results.append(error)

    # the settings of the job are in this context
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="beam-job", daemon=True)
    with _record_worker_deaths() as deaths:
        thread.start()
        while thread.is_alive():
            thread.join(_POLL)
            if deaths:
                thread.join(_GRACE)
                break
    if not results:
        raise _make_death_error(deaths[0])
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


@contextlib.contextmanager
def _record_worker_deaths() -> Iterator[list[str]]:
    """Record what Beam's threads report of worker processes that fail in the block."""
    deaths: list[str] = []
    before = threading.excepthook

    def record(args: Any) -> None:
        if args.thread is not None and args.thread.name == _THREAD:
            deaths.append(str(args.exc_value))
        else:
            before(args)

    threading.excepthook = record
    try:
        yield deaths
    finally:
        threading.excepthook = before


def _make_death_error(report: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        "a worker process died, or did not start",
        expected="worker processes that run until the job's end",
        got=report,
        follows="the job ended; nothing that it wrote is used",
        remedy="read what the worker printed: it may be out of memory, or a library is missing in "
        "its Python; a lower --direct_num_workers needs less memory",
    )
