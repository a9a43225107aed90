"""Query and cancel a job of a job server: state, counters and messages."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from apache_beam.portability.api import beam_job_api_pb2_grpc
from apache_beam.runners.portability import portable_metrics
from apache_beam.runners.runner import PipelineResult

from components.beam.jobs.remote_job import IN_TRANSIT, RemoteJob
from data.base.waits import SECONDS
from data.errors import ConnectionLost

_POLL = 0.25  # seconds between two attempts
_MESSAGES = 5.0  # seconds to wait for the messages of a failed job
_TRANSIENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

Answer = TypeVar("Answer")


@dataclasses.dataclass(kw_only=True)
class ServedJob(RemoteJob):
    """A job of a job server."""

    endpoint: str  # HOST:PORT of the job server

    def __post_init__(self) -> None:
        self._channel = grpc.insecure_channel(self.endpoint)
        self._stub = beam_job_api_pb2_grpc.JobServiceStub(self._channel)

    @classmethod
    def of(cls, result: PipelineResult, args: Sequence[str]) -> ServedJob | None:
        """Get the job of a Beam result; None if no job server that we can query runs it."""
        endpoint = PipelineOptions(list(args)).view_as(PortableOptions).job_endpoint
        job_id = getattr(result, "_job_id", None)
        if not endpoint or endpoint == "embed" or not job_id:
            return None
        return cls(endpoint=endpoint, id=job_id, url=find_runner_url(args), result=result)

    def state(self) -> str:
        request = job_api.GetJobStateRequest(job_id=self.id)
        return str(job_api.JobState.Enum.Name(self._request(self._stub.GetState, request).state))

    def counters(self) -> dict[str, int]:
        request = job_api.GetJobMetricsRequest(job_id=self.id)
        try:
            metrics = self._stub.GetJobMetrics(request, timeout=SECONDS["JOB_SERVER_AWAY"]).metrics
        except grpc.RpcError:  # some runners have no counters before the end
            return {}
        counted: dict[str, int] = {}
        for infos in (metrics.attempted, metrics.committed):
            for key, number in portable_metrics.from_monitoring_infos(infos)[0].items():
                name = key.metric.name
                counted[name] = max(counted.get(name, 0), int(number))
        return counted

    def cancel(self, in_transit: float = IN_TRANSIT) -> None:
        self._request(self._stub.Cancel, job_api.CancelJobRequest(job_id=self.id))

    def messages(self) -> Messages:
        return Messages(self._stub, self.id)

    def close(self) -> None:
        """Stop the worker of a LOOPBACK job in this process, and close the connection."""
        if self.result is not None:
            self.result._cleanup()
        self._channel.close()

    def _request(self, send: Callable[..., Answer], request: Any) -> Answer:
        """Send a request and return the answer; repeats it for a while if no server answers."""
        end = time.monotonic() + SECONDS["JOB_SERVER_AWAY"]
        while True:
            left = max(0.1, end - time.monotonic())
            try:
                return send(request, timeout=left, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() in _TRANSIENT and time.monotonic() < end:
                    time.sleep(_POLL)
                    continue
                raise self._make_lost_error(error) from error

    def _make_lost_error(self, error: Any) -> ConnectionLost:
        return ConnectionLost(
            f"the job server at {self.endpoint} does not answer any more",
            expected=f"an answer about the job {self.id} within {SECONDS['JOB_SERVER_AWAY']:.0f} s "
            "(PENSTOCK_WAIT_JOB_SERVER_AWAY)",
            got=f"{error.code().name}: {error.details()}",
            follows="whether the job still runs is unknown; nothing that it writes is used",
            remedy="look at the page of the runner"
            + (f", {self.url}" if self.url else "")
            + "; when the job server answers again, run the same command again",
        )


class Messages:
    """The error messages of a job, collected in a thread while the connection holds."""

    def __init__(self, stub: beam_job_api_pb2_grpc.JobServiceStub, job_id: str) -> None:
        self._errors: list[str] = []
        self._stream = stub.GetMessageStream(job_api.JobMessagesRequest(job_id=job_id))
        self._thread = threading.Thread(target=self._read, name="job-messages", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                response = message.message_response
                if response.importance == job_api.JobMessage.JOB_MESSAGE_ERROR:
                    self._errors.append(response.message_text)
        except (grpc.RpcError, ValueError):  # the connection was lost or closed
            return

    def any(self) -> bool:
        return bool(self._errors)

    def last(self) -> str:
        """Join the error messages; waits a little for messages that are under way."""
        self._thread.join(_MESSAGES)
        self._stream.cancel()
        return "\n".join(self._errors)


def find_runner_url(args: Sequence[str]) -> str | None:
    """Find the page of the runner (Flink's web UI) in the flags; None if they do not name it."""
    master = str(PipelineOptions(list(args)).view_as(FlinkRunnerOptions).flink_master)
    if master.startswith("["):
        return None
    return master if master.startswith("http") else f"http://{master}"
