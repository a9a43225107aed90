"""Submit jobs that outlive this process, and query and stop them later."""

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
    """A submitted job: enough to find it from another process."""

    job_id: str
    endpoint: str  # HOST:PORT of the job server; "" on Dataflow
    url: str | None  # the page of the runner
    flags: tuple[str, ...] = ()  # with which it is found on Dataflow


def submit_detached(build: Callable[[beam.Pipeline], None], args: Sequence[str]) -> SubmittedJob:
    """Submit the pipeline that `build` fills, and do not wait for it.

    Args:
        build: fills the pipeline.
        args: as `connect_job_server` yields them.

    Raises:
        ConfigError: workers would be in this process, or no job server is named.
        EnvironmentTrouble: the job server or Dataflow does not accept the job.
    """
    on_dataflow = flags.get_runner_name(flags.parse_flags(args)) == "DataflowRunner"
    endpoint = "" if on_dataflow else _read_endpoint(args)
    pipeline = flags.new_pipeline(args)
    build(pipeline)
    try:
        result = pipeline.run()
        if on_dataflow:
            return _make_dataflow_job(result)
    except Exception as error:
        if explained := explain_rejected_job(error):
            raise explained from error
        raise
    return SubmittedJob(result._job_id, endpoint, find_runner_url(args))


def _read_endpoint(args: Sequence[str]) -> str:
    endpoint = flags.parse_flags(args).view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed" or not flags.workers_are_elsewhere(args):
        raise ConfigError(
            "these flags run the workers in this process, and penstock submit needs remote ones",
            expected="--job_endpoint=HOST:PORT and an --environment_type other than LOOPBACK",
            follows="nothing was submitted",
            remedy="use penstock run, or set --environment_type=EXTERNAL and --environment_config",
        )
    return str(endpoint)


def _make_dataflow_job(result: Any) -> SubmittedJob:
    from components.beam.jobs.dataflow_job import DataflowJob

    job = DataflowJob.of(result)
    if job is None:
        raise ConfigError(
            "with --template_location Beam writes a template and starts no job",
            follows="there is no job to wait for",
            remedy="remove the flag",
        )
    return SubmittedJob(job.id, "", job.url, job.flags)


def get_state(submitted: SubmittedJob) -> str:
    """Get the state of the job in Beam's terms.

    Raises:
        ConnectionLost: the job server does not answer, or does not know the job.
    """
    with contextlib.closing(_find_job(submitted)) as job:
        return job.state()


def stop_job(submitted: SubmittedJob, within: float) -> str:
    """Ask the runner to end the job, and wait until it has.

    Returns:
        The last state; it is not in `OVER` if the job still runs after these seconds.

    Raises:
        ConnectionLost: as `get_state`.
    """
    with contextlib.closing(_find_job(submitted)) as job:
        return job.stop(within)


def get_failure(submitted: SubmittedJob) -> PenstockError:
    """Explain why the job failed, by the messages of its runner."""
    with contextlib.closing(_find_job(submitted)) as job:
        return job.failure()


def _find_job(submitted: SubmittedJob) -> RemoteJob:
    if submitted.flags:
        from components.beam.jobs.dataflow_job import DataflowJob

        flags = tuple(submitted.flags)  # a list, where it comes from a file
        return DataflowJob(id=submitted.job_id, flags=flags, url=submitted.url)
    if submitted.url:
        return FlinkJob(endpoint=submitted.endpoint, id=submitted.job_id, url=submitted.url)
    return ServedJob(endpoint=submitted.endpoint, id=submitted.job_id)
