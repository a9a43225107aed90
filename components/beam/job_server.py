"""Connect to a job server, or start one for the run."""

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

_NOT_A_JOB_SERVER = (
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)


@contextlib.contextmanager
def connect_job_server(args: Sequence[str], *, probe: bool = True) -> Iterator[tuple[str, ...]]:
    """Check the flags and connect to their job server; yields flags that name it.

    For FlinkRunner and SparkRunner without --job_endpoint a job server is started, and stopped at
    the end. If workers are remote, a small first job checks that one starts and has the same code.
    For other runners only the flags are checked.

    Raises:
        ConfigError: neither Beam nor the job server knows a flag, or no job server is named.
        EnvironmentTrouble: no job server answers at the endpoint, or no suitable worker answers.
    """
    options = flags.parse_flags(args)
    if flags.get_runner_name(options) not in flags.PORTABLE or _needs_no_server(options):
        flags.refuse_unknown_flags(flags.find_unknown_flags(args), ())
        yield tuple(args)
        return
    with contextlib.ExitStack() as stack:
        endpoint = options.view_as(PortableOptions).job_endpoint
        if not endpoint:
            _refuse_no_server(options)
            endpoint = stack.enter_context(start_job_server(options))
        flags.refuse_unknown_flags(flags.find_unknown_flags(args), fetch_known_options(endpoint))
        server_args = _add_job_server_flags(args, options, endpoint)
        if probe and flags.workers_are_elsewhere(server_args):
            from components.beam.worker_check import check_workers

            check_workers(server_args)
        yield server_args


def _needs_no_server(options: PipelineOptions) -> bool:
    """Whether Beam embeds the job server, or sends a fat jar to the cluster itself."""
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
            remedy="set --job_endpoint, or use FlinkRunner or SparkRunner, which start one",
        )


def _add_job_server_flags(
    args: Sequence[str], options: PipelineOptions, endpoint: str
) -> tuple[str, ...]:
    """Add PortableRunner and the endpoint to the flags; of a repeated flag the last counts."""
    added = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
    if not options.view_as(PortableOptions).environment_type:
        added.append(f"--environment_type={flags.get_environment_type(options)}")
    if url := find_runner_url(args):
        added.append(f"--flink_master={url}")  # with the scheme, as FlinkRunner adds it
    return (*args, *added)


def fetch_known_options(endpoint: str) -> set[str]:
    """Ask a job server for the names of its options, until it answers or the time is over.

    Raises:
        EnvironmentTrouble: nothing answers there, or it is no job server.
    """
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        limit = SECONDS["JOB_SERVER"]
        end = time.monotonic() + limit
        while True:
            try:
                answer = stub.DescribePipelineOptions(
                    job_api.DescribePipelineOptionsRequest(), timeout=limit
                )
                return {option.name for option in answer.options}
            except grpc.RpcError as error:
                if error.code() in _NOT_A_JOB_SERVER or time.monotonic() + 1 > end:
                    raise _make_unreachable_error(endpoint, error) from error
                time.sleep(0.5)


def _make_unreachable_error(endpoint: str, error: Any) -> EnvironmentTrouble:
    """Explain why the first call to a job server failed."""
    details = str(error.details())
    answered = error.code() in _NOT_A_JOB_SERVER or "http" in details.lower()
    return EnvironmentTrouble(
        f"the server at {endpoint} is not a Beam job server"
        if answered
        else f"no job server answers at {endpoint}",
        expected="a Beam job server (gRPC) at the address in --job_endpoint",
        got=f"{error.code().name}: {details}",
        follows="nothing ran",
        remedy="--job_endpoint names the job server's port (8099 by default), not a web page, the "
        "artifact port or the cluster itself"
        if answered
        else "start the job server, or correct --job_endpoint; then run again "
        f"(PENSTOCK_WAIT_JOB_SERVER sets how long to wait for it, now {SECONDS['JOB_SERVER']:g} s)",
    )
