"""Query and cancel a job on Dataflow with Beam's client, from any process."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult
from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient

from components.beam import runner_errors
from components.beam.jobs.remote_job import IN_TRANSIT, RemoteJob
from data.errors import ConnectionLost

_CLIENT_OPTIONS = ("project", "region", "dataflow_endpoint", "impersonate_service_account")
_MESSAGES = 50.0  # seconds to wait: messages of a failed job arrive half a minute after its end
_POLL_MESSAGES = 2.0  # seconds between two requests for them

Answer = TypeVar("Answer")


@dataclasses.dataclass(kw_only=True)
class DataflowJob(RemoteJob):
    """A job on Dataflow."""

    flags: tuple[str, ...]  # see `select_job_flags`

    poll = 5.0

    @classmethod
    def of(cls, result: DataflowPipelineResult) -> DataflowJob | None:
        """Get the job of a DataflowRunner result; None if only a template was written."""
        if not result.has_job:
            return None
        options, job_id = result._options, str(result.job_id())
        return cls(
            id=job_id,
            flags=select_job_flags(options),
            url=make_console_url(options, job_id),
            result=result,
        )

    def state(self) -> str:
        job = self._request(lambda client: client.get_job(self.id))
        return str(DataflowPipelineResult.api_jobstate_to_pipeline_state(job.current_state))

    def counters(self) -> dict[str, int]:
        if self.result is None:
            return {}
        metrics = self.result.metrics()
        counted: dict[str, int] = {}
        for counter in self._request(lambda _: metrics.query()["counters"]):
            numbers = [n for n in (counter.attempted, counter.committed) if n is not None]
            name = counter.key.metric.name
            counted[name] = max(counted.get(name, 0), *map(int, numbers))
        return counted

    def cancel(self, in_transit: float = IN_TRANSIT) -> None:
        self._request(lambda client: client.modify_job_state(self.id, "JOB_STATE_CANCELLED"))

    def messages(self) -> DataflowMessages:
        return DataflowMessages(self)

    def close(self) -> None:
        """Do nothing: the client is used for later requests, too."""

    def errors(self) -> list[str]:
        """Fetch the texts of the job's error messages so far."""
        texts: list[str] = []
        page = None
        while True:
            messages, page = self._request(
                functools.partial(
                    DataflowApplicationClient.list_messages,
                    job_id=self.id,
                    page_token=page,
                    minimum_importance="JOB_MESSAGE_ERROR",
                )
            )
            texts += [message.message_text for message in messages]
            if not page:
                return texts

    def _request(self, send: Callable[[DataflowApplicationClient], Answer]) -> Answer:
        """Send a request and return the answer; the client repeats it after server errors."""
        try:
            return send(_make_client(self.flags))
        except Exception as error:
            problem = runner_errors.explain_google_error(error)
            if problem is None:
                raise
            raise ConnectionLost(
                f"Dataflow does not report the state of the job {self.id}",
                got=problem.got,
                follows="whether the job still runs is unknown; nothing that it writes is used",
                remedy=f"look at its page, {self.url}; {problem.remedy}",
            ) from error


class DataflowMessages:
    """The error messages of a job."""

    def __init__(self, job: DataflowJob) -> None:
        self._job = job

    def any(self) -> bool:
        return bool(self._job.errors())

    def last(self) -> str:
        """Join the error messages; waits for the first of them."""
        end = time.monotonic() + _MESSAGES
        while not (texts := self._job.errors()) and time.monotonic() < end:
            time.sleep(_POLL_MESSAGES)
        return "\n".join(texts)


def select_job_flags(options: PipelineOptions) -> tuple[str, ...]:
    """Select the flags with which another process can find the job."""
    google: Any = options.view_as(GoogleCloudOptions)
    given = {name: getattr(google, name) for name in _CLIENT_OPTIONS}
    flags = [f"--{name}={value}" for name, value in given.items() if value]
    return (*flags, *(["--no_auth"] if google.no_auth else []))


def make_console_url(options: PipelineOptions, job_id: str) -> str:
    """Make the URL of the job's page in the Google Cloud console."""
    google = options.view_as(GoogleCloudOptions)
    path = f"{google.region}/{job_id}?project={google.project}"
    return f"https://console.cloud.google.com/dataflow/jobs/{path}"


@functools.cache
def _make_client(flags: tuple[str, ...]) -> DataflowApplicationClient:
    """Make a client once per set of flags: each client has its own connections."""
    return DataflowApplicationClient(PipelineOptions(list(flags)))
