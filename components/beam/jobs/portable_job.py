"""A job of a job server: its state, counters and messages; a lost connection."""

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

from components.beam.jobs.remote_job import RemoteJob
from data.base.waits import SECONDS
from data.errors import ConnectionLost

_POLL = 0.25  # seconds between two tries
_LAST_WORDS = 5.0  # seconds to wait for a failed job's messages
_TRANSIENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

Answer = TypeVar("Answer")


@dataclasses.dataclass(kw_only=True)
class ServedJob(RemoteJob):
    """One job of a job server."""

    endpoint: str  # HOST:PORT of the job server

    def __post_init__(self) -> None:
        self._channel = grpc.insecure_channel(self.endpoint)
        self._stub = beam_job_api_pb2_grpc.JobServiceStub(self._channel)

    @classmethod
    def of(cls, result: PipelineResult, args: Sequence[str]) -> ServedJob | None:
        """The job behind a result of Beam's; None if no job server that we can ask runs it."""
        endpoint = PipelineOptions(list(args)).view_as(PortableOptions).job_endpoint
        job_id = getattr(result, "_job_id", None)
        if not endpoint or endpoint == "embed" or not job_id:
            return None
        return cls(endpoint=endpoint, id=job_id, url=find_runner_url(args), result=result)

    def state(self) -> str:
        request = job_api.GetJobStateRequest(job_id=self.id)
        return str(job_api.JobState.Enum.Name(self._asked(self._stub.GetState, request).state))

    def counters(self) -> dict[str, int]:
        request = job_api.GetJobMetricsRequest(job_id=self.id)
        try:
            found = self._stub.GetJobMetrics(request, timeout=SECONDS["JOB_SERVER_AWAY"]).metrics
        except grpc.RpcError:  # only shown; some runners have none before the end
            return {}
        counted: dict[str, int] = {}
        for infos in (found.attempted, found.committed):
            for key, number in portable_metrics.from_monitoring_infos(infos)[0].items():
                name = key.metric.name
                counted[name] = max(counted.get(name, 0), int(number))
        return counted

    def cancel(self) -> None:
        self._asked(self._stub.Cancel, job_api.CancelJobRequest(job_id=self.id))

    def words(self) -> Messages:
        return Messages(self._stub, self.id)

    def close(self) -> None:
        """Stop the worker of this process that a LOOPBACK job used, and hang up."""
        if self.result is not None:
            self.result._cleanup()
        self._channel.close()

    def _asked(self, ask: Callable[..., Answer], request: Any) -> Answer:
        """The answer; a server that is away is asked again, gRPC backs off while it connects."""
        end = time.monotonic() + SECONDS["JOB_SERVER_AWAY"]
        while True:
            left = max(0.1, end - time.monotonic())
            try:
                return ask(request, timeout=left, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() in _TRANSIENT and time.monotonic() < end:
                    time.sleep(_POLL)
                    continue
                raise self._lost(error) from error

    def _lost(self, error: Any) -> ConnectionLost:
        return ConnectionLost(
            f"the connection to the job server at {self.endpoint} is lost",
            expected=f"an answer about the job {self.id} within {SECONDS['JOB_SERVER_AWAY']:.0f} s "
            "(PENSTOCK_WAIT_JOB_SERVER_AWAY)",
            got=f"{error.code().name}: {error.details()}",
            follows="whether the job goes on is not known; nothing that it writes counts here",
            remedy="look at the runner's own page"
            + (f", {self.url}" if self.url else "")
            + "; when the job server is back, run the same command again",
        )


class Messages:
    """A job's error messages, gathered in a thread as long as the connection holds."""

    def __init__(self, stub: beam_job_api_pb2_grpc.JobServiceStub, job_id: str) -> None:
        self._errors: list[str] = []
        self._stream = stub.GetMessageStream(job_api.JobMessagesRequest(job_id=job_id))
        self._thread = threading.Thread(target=self._read, name="job-messages", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self._stream:
                said = message.message_response
                if said.importance == job_api.JobMessage.JOB_MESSAGE_ERROR:
                    self._errors.append(said.message_text)
        except (grpc.RpcError, ValueError):  # the job server is gone, or we hung up
            return

    def any(self) -> bool:
        return bool(self._errors)

    def last(self) -> str:
        """The error messages, joined; waits a little for those under way."""
        self._thread.join(_LAST_WORDS)
        self._stream.cancel()
        return "\n".join(self._errors)


def find_runner_url(args: Sequence[str]) -> str | None:
    """The runner's own page, where the flags tell it: Flink's web UI."""
    master = str(PipelineOptions(list(args)).view_as(FlinkRunnerOptions).flink_master)
    if master.startswith("["):
        return None
    return master if master.startswith("http") else f"http://{master}"
