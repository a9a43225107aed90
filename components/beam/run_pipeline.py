"""Run the Beam pipeline of a component to its end: watch it, interrupt it, explain its errors."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from components.context import Context
from data.base.waits import SECONDS
from data.errors import EnvironmentTrouble, deserialize_error

if TYPE_CHECKING:
    import apache_beam as beam
    from apache_beam.runners.runner import PipelineResult

_POLL = 0.25  # seconds between two checks whether a worker has started


def run_pipeline(build: Callable[[beam.Pipeline], None], context: Context) -> None:
    """Make a pipeline with `context.beam_args`, let `build` fill it, and run it to its end.

    The default runner is FnApiRunner, so that Beam downloads none. State, counters and the address
    of a job on a job server are reported to `context.progress`.

    Raises:
        PenstockError: a worker raised it.
        ConfigError: Beam does not know a flag, or its value is wrong.
        EnvironmentTrouble: the runner ended the job early, or a known problem occurred.
        ConnectionLost: the job server does not answer any more; the state of the job is unknown.
        StepError: a remote worker failed; the error has the first cause.
    """
    from components.beam.local_workers import run_watching_workers
    from components.beam.options import new_pipeline
    from components.beam.runner_errors import explain_rejected_job
    from components.beam.staging import stage_code

    with (
        stage_code(context.beam_args) as args,
        silence_beam(context.logger),
        _collect_worker_reports(context) as begun,
    ):
        pipeline = new_pipeline(args)
        build(pipeline)
        try:
            result = run_watching_workers(pipeline)
            _wait(result, context, begun)
        except Exception as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from error
            explained = deserialize_error(str(error)) or explain_rejected_job(error)
            if explained:
                raise explained from error
            raise


@contextlib.contextmanager
def _collect_worker_reports(context: Context) -> Iterator[Callable[[], bool]]:
    """Collect reports of remote workers on what they import; yields whether one has started."""
    from components.beam.options import workers_are_elsewhere
    from data.code.worker_code import collect_worker_reports, read_worker_reports

    if not workers_are_elsewhere(context.beam_args):
        yield lambda: True
        return
    folder = context.output_dir / ".workers"
    folder.mkdir(exist_ok=True)
    try:
        with collect_worker_reports(folder):
            yield lambda: any(folder.iterdir())
            read_worker_reports(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(result: PipelineResult, context: Context, begun: Callable[[], bool]) -> None:
    """Wait for the end of the job; cancel it on Ctrl-C."""
    from components.beam.jobs.find_job import find_job

    job = find_job(result, context.beam_args)
    state = job.wait(context, "JOB_START", begun=begun) if job else _wait_for_beam(result, begun)
    if state != "DONE":
        raise EnvironmentTrouble(
            "Beam's runner did not finish the job",
            expected="DONE",
            got=state,
            remedy="read the log of the runner, then run the same command again",
        )


def _wait_for_beam(result: PipelineResult, begun: Callable[[], bool]) -> str:
    """Wait for a job that only Beam can query, such as a jar; returns the last state."""
    from components.beam.jobs.remote_job import OVER, make_too_late_error

    end = time.monotonic() + SECONDS["JOB_START"]
    try:
        while not (begun() or str(result.state) in OVER):
            if time.monotonic() > end:
                result.cancel()
                raise make_too_late_error("the job", "JOB_START")
            time.sleep(_POLL)
        return str(result.wait_until_finish() or result.state)
    except KeyboardInterrupt:
        with contextlib.suppress(Exception):  # a job in this process ends with the process
            result.cancel()
        raise


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C interrupted a DoFn in this process: Beam wraps it in another exception."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def silence_beam(logger: logging.Logger) -> Iterator[None]:
    """Stop Beam from logging errors that are raised anyway, unless `logger` shows debug logs."""
    beam_logger = logging.getLogger("apache_beam")
    level = beam_logger.level
    if not logger.isEnabledFor(logging.DEBUG):
        beam_logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        beam_logger.setLevel(level)
