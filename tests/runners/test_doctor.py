"""`penstock doctor` on a real Flink: all well, or all slots held by another job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from data.base.waits import SECONDS
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.environment.runner import check_runner

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
_LONG = 120.0  # seconds after which the other job ends in any case


def test_the_doctor_finds_all_well_on_flink(flink, pool, tmp_path):
    findings = list(check_runner(flink.external(pool), tmp_path))
    assert [finding for finding in findings if not finding.good] == []
    assert {"runner", "three elements", "workers' penstock"} <= {f.what for f in findings}


@pytest.fixture
def release(flink, pool, tmp_path) -> Iterator[Callable[[], None]]:
    """Hold all slots of the cluster by a job; yields a function that lets it end."""
    go = tmp_path / "go"

    def hold(path: str) -> None:
        end = time.monotonic() + _LONG
        while not Path(path).exists() and time.monotonic() < end:
            time.sleep(0.1)

    slots = flink.ask("/overview")["slots-total"]
    options = PipelineOptions([*flink.external(pool), f"--parallelism={slots}"])
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | beam.Create([str(go)]) | beam.Reshuffle() | beam.Map(hold)
    result = pipeline.run()
    flink.processes.until(lambda: free_slots(flink) == 0, "the job that holds all slots")
    yield go.touch
    go.touch()
    result.wait_until_finish()


def free_slots(flink: Any) -> int:
    return int(flink.ask("/overview")["slots-available"])


def unfinished(flink: Any) -> list[str]:
    jobs = flink.ask("/jobs/overview")["jobs"]
    return [j["name"] for j in jobs if j["state"] not in ("FINISHED", "CANCELED", "FAILED")]


def examine(flink: Any, pool: str, root: Path) -> int:
    return call(["doctor", "--root", str(root), *flink.external(pool)])


def test_no_slot_becomes_free_in_time(flink, pool, release, tmp_path, monkeypatch, capsys):
    """The cluster itself would end the job later, after 20 s."""
    monkeypatch.setitem(SECONDS, "WORKER", 20.0)  # set back at the end
    monkeypatch.setenv("PENSTOCK_WAIT_WORKER", "8")
    holder = unfinished(flink)
    assert len(holder) == 1
    begin = time.monotonic()
    assert examine(flink, pool, tmp_path) == exit_codes.ENVIRONMENT
    assert 8 <= time.monotonic() - begin < 30
    said = capsys.readouterr().out
    assert "did not start within 8 s, and was cancelled" in said
    assert "waited for slots that other jobs hold: 0 of 4 are free on Flink" in said
    assert flink.page in said
    assert "PENSTOCK_WAIT_WORKER" in said
    flink.processes.until(lambda: unfinished(flink) == holder, "the end of the doctor's job", 5)


def test_the_cluster_gives_up_first(flink, pool, release, tmp_path, capsys):
    """As it says itself, it waits `slot.request.timeout`: here 20 s."""
    assert examine(flink, pool, tmp_path) == exit_codes.ENVIRONMENT
    said = capsys.readouterr().out
    assert "the cluster has no free slots for the job" in said
    assert "slot.request.timeout" in said


def test_a_slot_becomes_free_in_time(flink, pool, release, tmp_path, capsys):
    timer = threading.Timer(6, release)
    timer.start()
    assert examine(flink, pool, tmp_path) == exit_codes.DONE
    timer.join()
    assert "three elements" in capsys.readouterr().out
