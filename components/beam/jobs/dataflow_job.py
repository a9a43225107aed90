"""A job on Dataflow: asked for by Beam's own client, from any process."""

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
from components.beam.jobs.remote_job import RemoteJob
from data.errors import ConnectionLost

_LEADING = ("project", "region", "dataflow_endpoint", "impersonate_service_account")
_LAST_WORDS = 50.0  # seconds; the messages of a failed job come half a minute after its end
_POLL_WORDS = 2.0  # seconds between two looks for them

Answer = TypeVar("Answer")


@dataclasses.dataclass(kw_only=True)
class DataflowJob(RemoteJob):
    """One job on Dataflow."""

    flags: tuple[str, ...]  # as `select_job_flags` gives them

    poll = 5.0

    @classmethod
    def of(cls, result: DataflowPipelineResult) -> DataflowJob | None:
        """The job behind a result of DataflowRunner's; None if only a template was written."""
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
        found = self._asked(lambda client: client.get_job(self.id))
        return str(DataflowPipelineResult.api_jobstate_to_pipeline_state(found.current_state))

    def counters(self) -> dict[str, int]:
        if self.result is None:
            return {}
        metrics = self.result.metrics()
        counted: dict[str, int] = {}
        for found in self._asked(lambda _: metrics.query()["counters"]):
            numbers = [n for n in (found.attempted, found.committed) if n is not None]
            name = found.key.metric.name
            counted[name] = max(counted.get(name, 0), *map(int, numbers))
        return counted

    def cancel(self) -> None:
        self._asked(lambda client: client.modify_job_state(self.id, "JOB_STATE_CANCELLED"))

    def words(self) -> Words:
        return Words(self)

    def close(self) -> None:
        """Nothing: the client serves later questions too."""

    def errors(self) -> list[str]:
        """The texts of the job's error messages so far."""
        texts: list[str] = []
        page = None
        while True:
            messages, page = self._asked(
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

    def _asked(self, ask: Callable[[DataflowApplicationClient], Answer]) -> Answer:
        """The answer; the client itself tries again where Google's servers are at fault."""
        try:
            return ask(_client(self.flags))
        except Exception as error:
            trouble = runner_errors.explain_google_error(error)
            if trouble is None:
                raise
            raise ConnectionLost(
                f"Dataflow says nothing of the job {self.id}",
                got=trouble.got,
                follows="whether the job goes on is not known; nothing that it writes counts here",
                remedy=f"look at its page, {self.url}; {trouble.remedy}",
            ) from error


class Words:
    """A job's error messages."""

    def __init__(self, job: DataflowJob) -> None:
        self._job = job

    def any(self) -> bool:
        return bool(self._job.errors())

    def last(self) -> str:
        """The error messages, joined; waits for the first of them."""
        end = time.monotonic() + _LAST_WORDS
        while not (texts := self._job.errors()) and time.monotonic() < end:
            time.sleep(_POLL_WORDS)
        return "\n".join(texts)


def select_job_flags(options: PipelineOptions) -> tuple[str, ...]:
    """The flags that lead another process to the job."""
    google: Any = options.view_as(GoogleCloudOptions)
    given = {name: getattr(google, name) for name in _LEADING}
    flags = [f"--{name}={value}" for name, value in given.items() if value]
    return (*flags, *(["--no_auth"] if google.no_auth else []))


def make_console_url(options: PipelineOptions, job_id: str) -> str:
    """The job's page in Google's console."""
    google = options.view_as(GoogleCloudOptions)
    place = f"{google.region}/{job_id}?project={google.project}"
    return f"https://console.cloud.google.com/dataflow/jobs/{place}"


@functools.cache
def _client(flags: tuple[str, ...]) -> DataflowApplicationClient:
    """One for all questions: each has connections of its own."""
    return DataflowApplicationClient(PipelineOptions(list(flags)))
