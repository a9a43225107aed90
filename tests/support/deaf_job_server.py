"""Run a job server that acknowledges a cancel and ignores it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from apache_beam.portability.api import beam_job_api_pb2_grpc


class DeafJobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Its one job is in `state`; a cancel puts `after` there."""

    def __init__(self) -> None:
        self.state = job_api.JobState.RUNNING
        self.after = job_api.JobState.CANCELLED
        self.asked = 0
        self.endpoint = ""

    def GetState(self, request: Any, context: Any = None) -> Any:
        return job_api.JobStateEvent(state=self.state)

    def Cancel(self, request: Any, context: Any = None) -> Any:
        self.asked += 1
        self.state = self.after
        return job_api.CancelJobResponse(state=self.state)


@contextlib.contextmanager
def deaf_job_server() -> Iterator[DeafJobServer]:
    servicer = DeafJobServer()
    server = grpc.server(ThreadPoolExecutor(4))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    servicer.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield servicer
    finally:
        server.stop(None)
