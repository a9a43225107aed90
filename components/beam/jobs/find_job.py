"""Find the job of a Beam result, on any runner."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.runners.runner import PipelineResult

from components.beam.jobs.remote_job import RemoteJob
from components.beam.options import get_runner_name, parse_flags


def find_job(result: PipelineResult, args: Sequence[str]) -> RemoteJob | None:
    """Find the job of a Beam result; None if only Beam can query it."""
    if get_runner_name(parse_flags(args)) == "DataflowRunner":
        from components.beam.jobs.dataflow_job import DataflowJob

        return DataflowJob.of(result)
    from components.beam.jobs.flink_job import FlinkJob
    from components.beam.jobs.portable_job import ServedJob, find_runner_url

    return (FlinkJob if find_runner_url(args) else ServedJob).of(result, args)
