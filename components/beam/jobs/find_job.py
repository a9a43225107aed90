"""Find the job behind a result of Beam's, whichever runner has it."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.runners.runner import PipelineResult

from components.beam.jobs.remote_job import RemoteJob
from components.beam.options import parse, runner


def job_of(result: PipelineResult, args: Sequence[str]) -> RemoteJob | None:
    """The job behind a result of Beam's; None if Beam alone can ask for it."""
    if runner(parse(args)) == "DataflowRunner":
        from components.beam.jobs.dataflow_job import DataflowJob

        return DataflowJob.of(result)
    from components.beam.jobs.flink_job import FlinkJob
    from components.beam.jobs.portable_job import ServedJob, url_of

    return (FlinkJob if url_of(args) else ServedJob).of(result, args)
