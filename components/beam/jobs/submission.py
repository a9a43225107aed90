"""Jobs that outlive the process that sent them: on a job server's runner, or on Dataflow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PortableOptions

from components.beam import options as flags
from components.beam.jobs.flink_job import FlinkJob
from components.beam.jobs.portable_job import ServedJob, find_runner_url
from components.beam.jobs.remote_job import RemoteJob
from components.beam.runner_errors import explain_rejected_job
from data.errors import ConfigError, PenstockError


@dataclass(frozen=True)
class SubmittedJob:
    """A job that was sent: enough to ask for it from another process."""

    job_id: str
    endpoint: str  # HOST:PORT of the job server; "" on Dataflow
    url: str | None  # the runner's own page
    flags: tuple[str, ...] = ()  # those that lead to it on Dataflow


def submit_detached(build: Callable[[beam.Pipeline], None], args: Sequence[str]) -> SubmittedJob:
    """Start the pipeline that `build` fills, and do not wait for it.

    Args:
        build: fills the pipeline.
        args: as `connect_job_server` yields them.

    Raises:
        ConfigError: workers would be in this process, or no job server is named.
        EnvironmentTrouble: the job server, or Dataflow, does not take the job.
    """
    on_dataflow = flags.get_runner_name(flags.parse_flags(args)) == "DataflowRunner"
    endpoint = "" if on_dataflow else _endpoint(args)
    pipeline = flags.new_pipeline(args)
    build(pipeline)
    try:
        result = pipeline.run()
        if on_dataflow:
            return _on_dataflow(result)
    except Exception as error:
        if trouble := explain_rejected_job(error):
            raise trouble from error
        raise
    return SubmittedJob(result._job_id, endpoint, find_runner_url(args))


def _endpoint(args: Sequence[str]) -> str:
    endpoint = flags.parse_flags(args).view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed" or not flags.workers_are_elsewhere(args):
        raise ConfigError(
            "these flags name no job server whose workers outlive this process",
            expected="--job_endpoint=HOST:PORT and an --environment_type other than LOOPBACK",
            follows="nothing was submitted",
            remedy="use `penstock run`, or name workers: --environment_type=EXTERNAL …",
        )
    return str(endpoint)


def _on_dataflow(result: Any) -> SubmittedJob:
    from components.beam.jobs.dataflow_job import DataflowJob

    job = DataflowJob.of(result)
    if job is None:
        raise ConfigError(
            "with --template_location Beam writes a template, and starts no job",
            follows="there is no job to wait for",
            remedy="leave out the flag",
        )
    return SubmittedJob(job.id, "", job.url, job.flags)


def get_state(submitted: SubmittedJob) -> str:
    """The job's state as Beam names it.

    Raises:
        ConnectionLost: the job server does not answer, or does not know the job.
    """
    with contextlib.closing(_job(submitted)) as job:
        return job.state()


def stop_job(submitted: SubmittedJob, within: float) -> str:
    """Ask the runner to end the job, and wait until it has.

    Returns:
        Its last state; one that is not in `OVER` where it goes on after so many seconds.

    Raises:
        ConnectionLost: as `state`.
    """
    with contextlib.closing(_job(submitted)) as job:
        return job.stop(within)


def get_failure(submitted: SubmittedJob) -> PenstockError:
    """Why the job failed, by what its runner said."""
    with contextlib.closing(_job(submitted)) as job:
        return job.failure()


def _job(submitted: SubmittedJob) -> RemoteJob:
    if submitted.flags:
        from components.beam.jobs.dataflow_job import DataflowJob

        flags = tuple(submitted.flags)  # a list, where it comes from a file
        return DataflowJob(id=submitted.job_id, flags=flags, url=submitted.url)
    if submitted.url:
        return FlinkJob(endpoint=submitted.endpoint, id=submitted.job_id, url=submitted.url)
    return ServedJob(endpoint=submitted.endpoint, id=submitted.job_id)
