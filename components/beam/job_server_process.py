"""Start a Java job server for one run, and stop it at the end."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
)
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer, FlinkRunner
from apache_beam.runners.portability.spark_runner import SparkJarJobServer

from components.beam.options import get_runner_name
from components.beam.runner_errors import find_first_cause
from data.base.waits import SECONDS
from data.errors import EnvironmentTrouble, summarize_error

_STOP = 10.0  # seconds to end after SIGTERM


@contextlib.contextmanager
def start_job_server(options: PipelineOptions) -> Iterator[str]:
    """Start a job server for FlinkRunner or SparkRunner; yields its endpoint, stops it at the end.

    Ctrl-C does not reach it: it must still forward the cancellation of the jobs.

    Raises:
        EnvironmentTrouble: there is no jar or no java, or the job server ended or did not answer.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-job-server-") as folder:
        command, endpoint = _make_command(options, folder)
        with tempfile.TemporaryFile("w+") as log:
            try:
                process = subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
            except OSError as error:
                raise _make_start_error(summarize_error(error)) from error
            try:
                _wait_until_listening(process, endpoint, log)
                yield endpoint
            finally:
                _stop_process(process)


def _make_command(options: PipelineOptions, folder: str) -> tuple[list[str], str]:
    server_options = options.view_as(JobServerOptions)
    server_options.artifacts_dir = server_options.artifacts_dir or folder
    if get_runner_name(options) == "FlinkRunner":
        flink = options.view_as(FlinkRunnerOptions)
        flink.flink_master = FlinkRunner.add_http_scheme(flink.flink_master)
        server = FlinkJarJobServer(options)
    else:
        server = SparkJarJobServer(options)
    try:
        command, endpoint = server.subprocess_cmd_and_endpoint()
    except Exception as error:  # the jar does not exist, or cannot be downloaded
        raise _make_start_error(summarize_error(error)) from error
    return [str(word) for word in command], endpoint


def _wait_until_listening(process: subprocess.Popen[bytes], endpoint: str, log: IO[str]) -> None:
    host, _, port = endpoint.rpartition(":")
    limit = SECONDS["JOB_SERVER_START"]
    end = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1.0):
            return
        time.sleep(0.2)
    log.seek(0)
    cause = find_first_cause(log.read())
    exit_code = process.poll()
    raise _make_start_error(
        f"no answer for {limit:.0f} s, see PENSTOCK_WAIT_JOB_SERVER_START"
        if exit_code is None
        else f"exit code {exit_code}: {cause}"
    )


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _make_start_error(got: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        "Beam's job server did not start",
        expected="java on the PATH, and the jar of a job server that fits the cluster",
        got=got,
        follows="nothing ran",
        remedy="set --flink_job_server_jar or --spark_job_server_jar, or start a job server and "
        "use --runner=PortableRunner --job_endpoint=HOST:PORT",
    )
