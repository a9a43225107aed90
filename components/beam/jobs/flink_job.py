"""Query and cancel a job on Flink itself: its job server reports running jobs as cancelled."""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from components.beam.jobs.portable_job import ServedJob
from components.beam.jobs.remote_job import IN_TRANSIT
from data.base.waits import SECONDS
from data.errors import ConnectionLost

_ENDED = ("FINISHED", "CANCELED", "FAILED")
_POLL = 0.1  # seconds between two requests


@dataclasses.dataclass(kw_only=True)
class FlinkJob(ServedJob):
    """A job of a Flink job server, whose cluster answers at `url`."""

    url: str

    def state(self) -> str:
        state = super().state()
        return "CANCELLING" if state == "CANCELLED" and any(self._running_ids()) else state

    def explain_delay(self) -> str:
        try:
            jobs = list(self._list_jobs())
            slots = self._request_rest("/overview")
        except ConnectionLost as error:
            return error.what
        if not jobs:
            return (
                f"Flink at {self.url} had not received the job; if it still appears there, cancel "
                "it there"
            )
        if not any(job["tasks"]["scheduled"] for job in jobs):
            return ""
        return (
            "the job waited for slots that other jobs hold: "
            f"{slots['slots-available']} of {slots['slots-total']} are free on Flink at {self.url}"
        )

    def cancel(self, in_transit: float = IN_TRANSIT) -> None:
        """Cancel the job on the job server and on Flink; waits for a job in transit to Flink.

        Raises:
            ConnectionLost: one of them does not answer; the other received the request.
        """
        try:
            super().cancel()
        finally:
            end = time.monotonic() + in_transit
            while not any(self._list_jobs()) and time.monotonic() < end:
                time.sleep(_POLL)
            for job in self._running_ids():
                self._request_rest(f"/jobs/{job}?mode=cancel", "PATCH")

    def _running_ids(self) -> Iterator[str]:
        """Yield the Flink ids of the job's parts that still run."""
        return (job["jid"] for job in self._list_jobs() if job["state"] not in _ENDED)

    def _list_jobs(self) -> Iterator[dict[str, Any]]:
        """Yield what Flink knows of the job: nothing while it is in transit."""
        name, _, _ = self.id.rpartition("_")  # the id in Beam is the name in Flink and a UUID
        return (job for job in self._request_rest("/jobs/overview")["jobs"] if job["name"] == name)

    def _request_rest(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS["FLINK"]) as answer:
                return json.loads(answer.read() or b"{}")
        except (OSError, ValueError) as error:
            raise ConnectionLost(
                f"Flink does not answer at {self.url}",
                expected="the REST interface of Flink at the address in --flink_master",
                got=error,
                follows=f"whether the job {self.id} still runs is unknown",
                remedy="look at the page of Flink, and cancel the job there if it still runs; "
                "PENSTOCK_WAIT_FLINK sets how long to wait for an answer",
            ) from error
