"""Run a Beam pipeline for a component: how it is started, interrupted, and heard of in trouble."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState

from components.context import Context
from data.errors import EnvironmentTrouble, revive


def run_pipeline(build: Callable[[beam.Pipeline], None], context: Context) -> None:
    """Make a pipeline with `context.beam_args`, let `build` fill it, run it to the end.

    Where no runner is named it is FnApiRunner, so that Beam downloads none.

    Raises:
        PenstockError: one that a worker raised, sent as `PenstockError.marked`.
        EnvironmentTrouble: the runner ended the job before it was done.
    """
    options = PipelineOptions(list(context.beam_args))
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or "FnApiRunner"
    pipeline = beam.Pipeline(options=options)
    build(pipeline)
    result = None
    with _quiet(context.logger):
        try:
            result = pipeline.run()
            state = result.wait_until_finish() or result.state
        except KeyboardInterrupt:
            with contextlib.suppress(Exception):  # a cluster that does not answer, for one
                if result:
                    result.cancel()
            raise
        except Exception as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from error
            known = revive(str(error))
            if known:
                raise known from error
            raise
    if state != PipelineState.DONE:
        raise EnvironmentTrouble(
            "Beam's runner did not finish the job",
            expected=PipelineState.DONE,
            got=state,
            remedy="see the runner's own log, then run the same command again",
        )


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C hit a DoFn in this process: Beam makes another exception of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep Beam from logging what is raised anyway, unless `logger` shows debug messages."""
    beams = logging.getLogger("apache_beam")
    level = beams.level
    if not logger.isEnabledFor(logging.DEBUG):
        beams.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        beams.setLevel(level)
