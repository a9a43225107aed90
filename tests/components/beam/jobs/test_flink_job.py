"""What Flink itself says of a job; tests/runners has a real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from deaf_job_server import DeafJobServer, deaf_job_server

from components.beam.jobs import flink_job
from components.beam.jobs.flink_job import FlinkJob
from data.errors import ConnectionLost

NAME = "BeamApp-root-1126111526-d98dae92"


class Cluster:
    """Flink's REST interface: jobs by their ids, and which of them a cancel ends."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.heeds = True
        self.url = ""

    def add(self, jid: str, name: str = NAME, state: str = "RUNNING", scheduled: int = 0) -> None:
        tasks = {"scheduled": scheduled}
        self.jobs[jid] = {"jid": jid, "name": name, "state": state, "tasks": tasks}

    def state(self, jid: str) -> str:
        return str(self.jobs[jid]["state"])

    def answer(self, method: str, path: str) -> Any:
        if method == "PATCH" and path.endswith("?mode=cancel"):
            if self.heeds:
                self.jobs[path.split("/")[2].removesuffix("?mode=cancel")]["state"] = "CANCELED"
            return {}
        if path == "/overview":
            return {"slots-available": 1, "slots-total": 4}
        assert (method, path) == ("GET", "/jobs/overview")
        return {"jobs": list(self.jobs.values())}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(cluster.answer(self.command, self.path)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        do_PATCH = do_GET

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        cluster.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield cluster
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[DeafJobServer]:
    with deaf_job_server() as server:
        yield server


@pytest.fixture
def job(cluster: Cluster, server: DeafJobServer) -> Iterator[FlinkJob]:
    job = FlinkJob(endpoint=server.endpoint, id=f"{NAME}_a9ca9622-bf21", url=cluster.url)
    yield job
    job.close()


def test_flink_is_asked_for_the_very_job(job: FlinkJob, cluster: Cluster) -> None:
    cluster.add("mine")
    cluster.add("another", name="BeamApp-root-1126111526-d98dae93")
    cluster.add("done", state="FINISHED")
    assert job.stop(60) == "CANCELLED"
    assert cluster.state("mine") == "CANCELED"
    assert cluster.state("another") == "RUNNING"
    assert cluster.state("done") == "FINISHED"


def test_what_the_job_server_calls_cancelled_goes_on(job: FlinkJob, cluster: Cluster) -> None:
    cluster.add("mine")
    cluster.heeds = False
    assert job.stop(0) == "CANCELLING"
    cluster.jobs["mine"]["state"] = "CANCELLING"
    assert job.state() == "CANCELLING"
    cluster.jobs["mine"]["state"] = "CANCELED"
    assert job.state() == "CANCELLED"


def test_a_job_on_its_way_to_flink_is_ended_there(
    job: FlinkJob, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flink_job.time, "sleep", lambda _: cluster.add("mine"))
    assert job.stop(60) == "CANCELLED"
    assert cluster.state("mine") == "CANCELED"


def test_a_job_that_waits_for_slots_says_so(job: FlinkJob, cluster: Cluster) -> None:
    cluster.add("another", name="BeamApp-root-1126111526-d98dae93", scheduled=2)
    assert f"Flink at {cluster.url} had not received the job" in job.explain_delay()
    cluster.add("mine")
    assert job.explain_delay() == ""
    cluster.add("mine", scheduled=2)
    assert job.explain_delay() == (
        f"the job waited for slots that other jobs hold: 1 of 4 are free on Flink at {cluster.url}"
    )
    job.url = "http://127.0.0.1:1"
    assert "Flink does not answer" in job.explain_delay()


def test_what_the_job_server_says_else_is_not_asked_of_flink(
    job: FlinkJob, server: DeafJobServer
) -> None:
    job.url = "http://127.0.0.1:1"
    assert job.state() == "RUNNING"
    server.state = job_api.JobState.DONE
    assert job.state() == "DONE"


def test_a_flink_that_does_not_answer(job: FlinkJob, server: DeafJobServer) -> None:
    job.url = "http://127.0.0.1:1"
    with pytest.raises(ConnectionLost, match="Flink does not answer at http"):
        job.stop(60)
    assert server.asked == 1  # the job server was asked all the same
