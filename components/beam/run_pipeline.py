"""Run a component's Beam pipeline to its end: watched, interrupted, and its errors told."""

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

_POLL = 0.25  # seconds between two looks whether a worker has begun


def run_pipeline(build: Callable[[beam.Pipeline], None], context: Context) -> None:
    """Make a pipeline with `context.beam_args`, let `build` fill it, run it to the end.

    Where no runner is named it is FnApiRunner, so that Beam downloads none. A job of a job server
    is watched: state, counters and the runner's address go to `context.progress`.

    Raises:
        PenstockError: one that a worker raised, sent as `serialize_error` writes it.
        ConfigError: a flag or a value that Beam does not take.
        EnvironmentTrouble: the runner ended the job before it was done, or a known trouble.
        ConnectionLost: the job server went away; what became of the job is not known.
        StepError: a remote worker failed; with the first cause.
    """
    from components.beam.local_workers import run_watching_workers
    from components.beam.options import new_pipeline
    from components.beam.runner_errors import explain_rejected_job
    from components.beam.staging import stage_code

    with (
        stage_code(context.beam_args) as args,
        silence_beam(context.logger),
        _reports(context) as begun,
    ):
        pipeline = new_pipeline(args)
        build(pipeline)
        try:
            result = run_watching_workers(pipeline)
            _wait(result, context, begun)
        except Exception as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from error
            known = deserialize_error(str(error)) or explain_rejected_job(error)
            if known:
                raise known from error
            raise


@contextlib.contextmanager
def _reports(context: Context) -> Iterator[Callable[[], bool]]:
    """Let workers elsewhere say that they began, and what they imported; yields if one has."""
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
    """Wait for the end of what was started; on Ctrl-C cancel it."""
    from components.beam.jobs.find_job import find_job

    job = find_job(result, context.beam_args)
    state = job.wait(context, "JOB_START", begun=begun) if job else _wait_for_beam(result, begun)
    if state != "DONE":
        raise EnvironmentTrouble(
            "Beam's runner did not finish the job",
            expected="DONE",
            got=state,
            remedy="see the runner's own log, then run the same command again",
        )


def _wait_for_beam(result: PipelineResult, begun: Callable[[], bool]) -> str:
    """The last state of a job that Beam alone can ask for, such as one sent as a jar."""
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
        with contextlib.suppress(Exception):  # one that runs in this process ends with it
            result.cancel()
        raise


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C hit a DoFn in this process: Beam makes another exception of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def silence_beam(logger: logging.Logger) -> Iterator[None]:
    """Keep Beam from logging what is raised anyway, unless `logger` shows debug messages."""
    beams = logging.getLogger("apache_beam")
    level = beams.level
    if not logger.isEnabledFor(logging.DEBUG):
        beams.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        beams.setLevel(level)
