"""Jobs that outlive the process that sent them: on a job server's runner, or on Dataflow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PortableOptions

from components.beam import options as flags
from components.beam.failures import of_google
from components.beam.job_service import unreachable
from components.beam.served_job import ServedJob, url_of
from components.beam.waiting import RemoteJob
from data.errors import ConfigError, EnvironmentTrouble, PenstockError


@dataclass(frozen=True)
class Submitted:
    """A job that was sent: enough to ask for it from another process."""

    job_id: str
    endpoint: str  # HOST:PORT of the job server; "" on Dataflow
    url: str | None  # the runner's own page
    flags: tuple[str, ...] = ()  # those that lead to it on Dataflow


def submit_detached(build: Callable[[beam.Pipeline], None], args: Sequence[str]) -> Submitted:
    """Start the pipeline that `build` fills, and do not wait for it.

    Args:
        build: fills the pipeline.
        args: as `connected` yields them.

    Raises:
        ConfigError: workers would be in this process, or no job server is named.
        EnvironmentTrouble: the job server, or Dataflow, does not take the job.
    """
    if flags.runner(flags.parse(args)) == "DataflowRunner":
        return _sent_to_dataflow(build, args)
    endpoint = flags.parse(args).view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed" or not flags.workers_are_elsewhere(args):
        raise ConfigError(
            "these flags name no job server whose workers outlive this process",
            expected="--job_endpoint=HOST:PORT and an --environment_type other than LOOPBACK",
            follows="nothing was submitted",
            remedy="use `penstock run`, or name workers: --environment_type=EXTERNAL …",
        )
    pipeline = flags.new_pipeline(args)
    build(pipeline)
    try:
        result = pipeline.run()
    except grpc.RpcError as error:
        raise unreachable(endpoint, error) from error
    except grpc.FutureTimeoutError as error:
        raise EnvironmentTrouble(
            f"no job server answers at {endpoint}",
            follows="nothing was submitted",
            remedy="start the job server, or mend --job_endpoint; then submit again",
        ) from error
    return Submitted(result._job_id, endpoint, url_of(args))


def _sent_to_dataflow(build: Callable[[beam.Pipeline], None], args: Sequence[str]) -> Submitted:
    from components.beam.dataflow import DataflowJob

    pipeline = flags.new_pipeline(args)
    build(pipeline)
    try:
        job = DataflowJob.of(pipeline.run())
    except Exception as error:
        if trouble := of_google(error):
            raise trouble from error
        raise
    if job is None:
        raise ConfigError(
            "with --template_location Beam writes a template, and starts no job",
            follows="there is no job to wait for",
            remedy="leave out the flag",
        )
    return Submitted(job.id, "", job.url, job.flags)


def state(submitted: Submitted) -> str:
    """The job's state as Beam names it.

    Raises:
        ConnectionLost: the job server does not answer, or does not know the job.
    """
    with contextlib.closing(_job(submitted)) as job:
        return job.state()


def cancel(submitted: Submitted) -> None:
    """Ask the runner to end the job.

    Raises:
        ConnectionLost: as `state`.
    """
    with contextlib.closing(_job(submitted)) as job:
        job.cancel()


def failure(submitted: Submitted) -> PenstockError:
    """Why the job failed, by what its runner said."""
    with contextlib.closing(_job(submitted)) as job:
        return job.failure()


def _job(submitted: Submitted) -> RemoteJob:
    if submitted.flags:
        from components.beam.dataflow import DataflowJob

        flags = tuple(submitted.flags)  # a list, where it comes from a file
        return DataflowJob(id=submitted.job_id, flags=flags, url=submitted.url)
    return ServedJob(endpoint=submitted.endpoint, id=submitted.job_id, url=submitted.url)
