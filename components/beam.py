"""Run a Beam pipeline for a component: named runner, quiet, with errors that a user can act on."""

from __future__ import annotations

from collections.abc import Callable

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.context import Context
from data.errors import revive


def run_pipeline(build: Callable[[beam.Pipeline], None], context: Context) -> None:
    """Build a pipeline, run it on the runner that `context.beam_args` names, and wait for it.

    Raises:
        PenstockError: what a DoFn raised as `marked()`, found in whatever the runner made of it.
        Exception: any other failure, as the runner reports it.
    """
    pipeline = beam.Pipeline(options=PipelineOptions(list(context.beam_args)))
    build(pipeline)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        known = revive(str(error))
        if known is None:
            raise
        raise known from error
