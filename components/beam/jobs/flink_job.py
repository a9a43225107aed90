"""A job on Flink, by Flink's own word: its job server calls cancelled what goes on there."""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from components.beam.jobs.portable_job import ServedJob
from data.base.waits import SECONDS
from data.errors import ConnectionLost

_ENDED = ("FINISHED", "CANCELED", "FAILED")
_ON_ITS_WAY = 1.5  # seconds from a job server to Flink: an interrupted process has two
_POLL = 0.1  # seconds between two looks for it


@dataclasses.dataclass(kw_only=True)
class FlinkJob(ServedJob):
    """One job of a Flink job server, whose cluster answers at `url`."""

    url: str

    def state(self) -> str:
        state = super().state()
        return "CANCELLING" if state == "CANCELLED" and any(self._alive()) else state

    def cancel(self) -> None:
        """Ask the job server, and Flink; what is on its way from one to the other is waited for.

        Raises:
            ConnectionLost: one of them does not answer; the other was asked.
        """
        try:
            super().cancel()
        finally:
            end = time.monotonic() + _ON_ITS_WAY
            while not any(self._found()) and time.monotonic() < end:
                time.sleep(_POLL)
            for job in self._alive():
                self._ask(f"/jobs/{job}?mode=cancel", "PATCH")

    def _alive(self) -> Iterator[str]:
        """Flink's own ids of what has not ended of the job."""
        return (job["jid"] for job in self._found() if job["state"] not in _ENDED)

    def _found(self) -> Iterator[dict[str, Any]]:
        """What Flink knows of the job: nothing while it is on its way there."""
        name, _, _ = self.id.rpartition("_")  # Beam's id is Flink's name and a UUID
        return (job for job in self._ask("/jobs/overview")["jobs"] if job["name"] == name)

    def _ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS["FLINK"]) as answer:
                return json.loads(answer.read() or b"{}")
        except (OSError, ValueError) as error:
            raise ConnectionLost(
                f"Flink does not answer at {self.url}",
                expected="its REST interface, where --flink_master leads",
                got=error,
                follows=f"whether the job {self.id} goes on is not known",
                remedy="look at Flink's page, and cancel the job there if it still runs; "
                "PENSTOCK_WAIT_FLINK says how long to wait for an answer",
            ) from error
