"""Job servers: reached or started once for a run; jobs that outlive the process that sent them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
)
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from apache_beam.portability.api import beam_job_api_pb2_grpc

from components.beam import options as flags
from components.beam.failures import of_google
from components.beam.served_job import ServedJob, url_of
from components.beam.servers import started
from components.beam.waiting import RemoteJob
from data.errors import ConfigError, EnvironmentTrouble, PenstockError

_REACH = 10.0  # seconds for a job server to answer
_ANSWERS_NOT = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@dataclass(frozen=True)
class Submitted:
    """A job that was sent: enough to ask for it from another process."""

    job_id: str
    endpoint: str  # HOST:PORT of the job server; "" on Dataflow
    url: str | None  # the runner's own page
    flags: tuple[str, ...] = ()  # those that lead to it on Dataflow


@contextlib.contextmanager
def connected(args: Sequence[str], *, probe: bool = True) -> Iterator[tuple[str, ...]]:
    """Check the flags and reach their job server; yields flags that lead to it.

    FlinkRunner and SparkRunner without --job_endpoint start a job server, stopped at the end. With
    workers elsewhere a first small job shows that one starts, and has the same code. Flags of
    other runners are only checked.

    Raises:
        ConfigError: a flag that neither Beam nor the job server knows, or no job server is named.
        EnvironmentTrouble: none answers, it is no job server, or no worker fit to work answers.
    """
    options = flags.parse(args)
    if flags.runner(options) not in flags.PORTABLE or _without_server(options):
        flags.refuse(flags.unknown(args), ())
        yield tuple(args)
        return
    with contextlib.ExitStack() as stack:
        endpoint = options.view_as(PortableOptions).job_endpoint
        if not endpoint:
            _refuse_no_server(options)
            endpoint = stack.enter_context(started(options))
        flags.refuse(flags.unknown(args), described(endpoint))
        leading = _leading(args, options, endpoint)
        if probe and flags.workers_are_elsewhere(leading):
            from components.beam.probe import check_workers

            check_workers(leading)
        yield leading


def _without_server(options: PipelineOptions) -> bool:
    """An embedded job server, or a fat jar sent to the cluster itself: Beam does it all."""
    return bool(
        options.view_as(PortableOptions).job_endpoint == "embed"
        or options.view_as(FlinkRunnerOptions).flink_submit_uber_jar
        or options.view_as(SparkRunnerOptions).spark_submit_uber_jar
    )


def _refuse_no_server(options: PipelineOptions) -> None:
    if flags.runner(options) == "PortableRunner":
        raise ConfigError(
            "PortableRunner has no job server",
            expected="--job_endpoint=HOST:PORT",
            follows="nothing ran",
            remedy="name it, or let --runner=FlinkRunner or SparkRunner start one",
        )


def _leading(args: Sequence[str], options: PipelineOptions, endpoint: str) -> tuple[str, ...]:
    """The flags with PortableRunner and the endpoint; of a flag given twice the last one counts."""
    more = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
    if not options.view_as(PortableOptions).environment_type:
        more.append(f"--environment_type={flags.environment_type(options)}")
    if url := url_of(args):
        more.append(f"--flink_master={url}")  # with its scheme, as FlinkRunner itself would
    return (*args, *more)


def described(endpoint: str) -> set[str]:
    """The names of the options that a job server knows; asks until it answers, 10 s at most.

    Raises:
        EnvironmentTrouble: nothing answers there, or something that is no job server.
    """
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        end = time.monotonic() + _REACH
        while True:
            try:
                answer = stub.DescribePipelineOptions(
                    job_api.DescribePipelineOptionsRequest(), timeout=_REACH
                )
                return {option.name for option in answer.options}
            except grpc.RpcError as error:
                if error.code() in _ANSWERS_NOT or time.monotonic() + 1 > end:
                    raise _unreachable(endpoint, error) from error
                time.sleep(0.5)


def _unreachable(endpoint: str, error: Any) -> EnvironmentTrouble:
    details = str(error.details())
    spoken = error.code() in _ANSWERS_NOT or "http" in details.lower()
    return EnvironmentTrouble(
        f"what listens at {endpoint} is no job server of Beam's"
        if spoken
        else f"no job server answers at {endpoint}",
        expected="a Beam job server (gRPC), as --job_endpoint says",
        got=f"{error.code().name}: {details}",
        follows="nothing ran",
        remedy="--job_endpoint names the job server's port (8099 by default), not a web page, the "
        "artifact port or the cluster itself"
        if spoken
        else "start the job server, or mend --job_endpoint; then run again",
    )


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
        raise _unreachable(endpoint, error) from error
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
