"""How long a job elsewhere is waited for: until a worker has begun with it, and then to its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.beam.jobs.remote_job import RemoteJob
from components.context import Context
from data.base.waits import SECONDS
from data.errors import EnvironmentTrouble


class NoMessages:
    def any(self) -> bool:
        return False

    def last(self) -> str:
        return ""


@dataclasses.dataclass(kw_only=True)
class Scripted(RemoteJob):
    """A job that is in one state after the other."""

    states: Iterator[str]
    cancelled: bool = False
    patience: float = 0.0  # for a job in transit
    poll = 0.0

    def state(self) -> str:
        return next(self.states)

    def counters(self) -> dict[str, int]:
        return {}

    def cancel(self, in_transit: float = 0.0) -> None:
        self.cancelled = True
        self.patience = in_transit

    def messages(self) -> NoMessages:
        return NoMessages()

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setitem(SECONDS, "JOB_START", 0.0)


def job(runs: int = 1000) -> Scripted:
    return Scripted(id="one", states=iter(["RUNNING"] * runs + ["DONE"]))


def test_one_that_a_worker_has_begun_may_take_as_long_as_it_takes(tmp_path: Path) -> None:
    one, context = job(), Context(output_dir=tmp_path)
    assert one.wait(context, "JOB_START", begun=lambda: True) == "DONE"
    assert not one.cancelled
    assert job().wait(context) == "DONE"


def test_one_that_none_begins_is_cancelled_and_says_what_decides(tmp_path: Path) -> None:
    one = job()
    with pytest.raises(EnvironmentTrouble, match="the job one did not start within 0 s") as found:
        one.wait(Context(output_dir=tmp_path), "JOB_START", begun=lambda: False)
    assert one.cancelled
    assert one.patience == SECONDS["FLINK"]
    assert "PENSTOCK_WAIT_JOB_START" in found.value.remedy
