"""Job servers: reached, or started once for a run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

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
from components.beam.job_server_process import start_job_server
from components.beam.jobs.portable_job import find_runner_url
from data.base.waits import SECONDS
from data.errors import ConfigError, EnvironmentTrouble

_ANSWERS_NOT = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@contextlib.contextmanager
def connect_job_server(args: Sequence[str], *, probe: bool = True) -> Iterator[tuple[str, ...]]:
    """Check the flags and reach their job server; yields flags that lead to it.

    FlinkRunner and SparkRunner without --job_endpoint start a job server, stopped at the end. With
    workers elsewhere a first small job shows that one starts, and has the same code. Flags of
    other runners are only checked.

    Raises:
        ConfigError: a flag that neither Beam nor the job server knows, or no job server is named.
        EnvironmentTrouble: none answers, it is no job server, or no worker fit to work answers.
    """
    options = flags.parse_flags(args)
    if flags.get_runner_name(options) not in flags.PORTABLE or _without_server(options):
        flags.refuse_unknown_flags(flags.find_unknown_flags(args), ())
        yield tuple(args)
        return
    with contextlib.ExitStack() as stack:
        endpoint = options.view_as(PortableOptions).job_endpoint
        if not endpoint:
            _refuse_no_server(options)
            endpoint = stack.enter_context(start_job_server(options))
        flags.refuse_unknown_flags(flags.find_unknown_flags(args), fetch_known_options(endpoint))
        leading = _add_job_server_flags(args, options, endpoint)
        if probe and flags.workers_are_elsewhere(leading):
            from components.beam.worker_check import check_workers

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
    if flags.get_runner_name(options) == "PortableRunner":
        raise ConfigError(
            "PortableRunner has no job server",
            expected="--job_endpoint=HOST:PORT",
            follows="nothing ran",
            remedy="name it, or let --runner=FlinkRunner or SparkRunner start one",
        )


def _add_job_server_flags(
    args: Sequence[str], options: PipelineOptions, endpoint: str
) -> tuple[str, ...]:
    """The flags with PortableRunner and the endpoint; of a flag given twice the last one counts."""
    more = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
    if not options.view_as(PortableOptions).environment_type:
        more.append(f"--environment_type={flags.get_environment_type(options)}")
    if url := find_runner_url(args):
        more.append(f"--flink_master={url}")  # with its scheme, as FlinkRunner itself would
    return (*args, *more)


def fetch_known_options(endpoint: str) -> set[str]:
    """The names of the options that a job server knows; asks until it answers, for a while.

    Raises:
        EnvironmentTrouble: nothing answers there, or something that is no job server.
    """
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        reach = SECONDS["JOB_SERVER"]
        end = time.monotonic() + reach
        while True:
            try:
                answer = stub.DescribePipelineOptions(
                    job_api.DescribePipelineOptionsRequest(), timeout=reach
                )
                return {option.name for option in answer.options}
            except grpc.RpcError as error:
                if error.code() in _ANSWERS_NOT or time.monotonic() + 1 > end:
                    raise _unreachable(endpoint, error) from error
                time.sleep(0.5)


def _unreachable(endpoint: str, error: Any) -> EnvironmentTrouble:
    """What a gRPC error says of a job server that was asked for the first time."""
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
        else "start the job server, or mend --job_endpoint; then run again "
        f"(PENSTOCK_WAIT_JOB_SERVER says how long to wait for it, {SECONDS['JOB_SERVER']:g} s)",
    )
