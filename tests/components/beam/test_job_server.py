"""Jobs of a job server that is a process of its own, and servers that are none."""

from __future__ import annotations

import http.server
import os
import socket
import sys
import threading
import time
from pathlib import Path

import apache_beam as beam
import pytest
from free_ports import free_port

from components.beam import job_server
from components.beam.job_server import connect_job_server
from components.beam.jobs import submission
from components.beam.run_pipeline import run_pipeline
from components.beam.worker_check import check_workers, examine_workers
from components.context import Context
from data.base.waits import SECONDS
from data.code import worker_code
from data.errors import (
    BadDataError,
    ConfigError,
    ConnectionLost,
    EnvironmentTrouble,
    StepError,
    serialize_error,
)

pytestmark = pytest.mark.runners  # servers of Beam's own, in Python


def run(tmp_path: Path, function, args: tuple[str, ...], **more) -> None:
    run_pipeline(
        lambda p: p | "Numbers" >> beam.Create([1, 2, 3]) | "Work" >> beam.Map(function),
        Context(output_dir=tmp_path, beam_args=args, shared_filesystem=True, **more),
    )


@pytest.mark.parametrize("kind", ["loopback", "external"])
def test_a_job_runs_and_is_watched(tmp_path: Path, kind: str, request) -> None:
    seen: list[str] = []

    def work(number: int) -> None:
        (tmp_path / str(number)).touch()

    def progress(done: float, total: float | None = None, detail: str = "") -> None:
        seen.append(detail)

    with connect_job_server(request.getfixturevalue(kind)) as args:
        run(tmp_path, work, args, progress=progress)
        run(tmp_path, work, args)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]
    assert any("job " in detail for detail in seen)


def test_errors_come_back(tmp_path: Path, loopback: tuple[str, ...]) -> None:
    ours = BadDataError("what ]] is", expected='"this"\nand that', remedy="fix it")

    def work(number: int) -> None:
        raise RuntimeError(serialize_error(ours))

    with pytest.raises(BadDataError) as caught:
        run(tmp_path, work, loopback)
    assert str(caught.value) == str(ours)

    def broken(number: int) -> None:
        raise ValueError("the user's own function is broken")

    with pytest.raises(StepError) as failed:
        run(tmp_path, broken, loopback)
    assert failed.value.got == "ValueError: the user's own function is broken"


def test_a_worker_tells_what_it_is(tmp_path: Path, external: tuple[str, ...]) -> None:
    seen = examine_workers(external, [tmp_path, Path("/proc/nowhere")])
    assert {
        name: {mine} for name, mine in worker_code.read_versions().items()
    }.items() <= seen.items()
    assert seen[f"write {tmp_path}"] == {"ok"}
    assert seen["write /proc/nowhere"] != {"ok"}


def test_workers_with_other_code_are_refused(external: tuple[str, ...], monkeypatch) -> None:
    mine = {**worker_code.read_versions(), "penstock": "another"}
    monkeypatch.setattr("components.beam.worker_check.read_versions", lambda: mine)
    with pytest.raises(EnvironmentTrouble, match="another penstock"):
        check_workers(external)


def test_a_pool_whose_python_lacks_beam_ends_in_time(
    tmp_path: Path, start, service: str, monkeypatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho no apache_beam >&2\nexit 1\n")
    bare.chmod(0o755)
    _, pool = start("apache_beam.runners.worker.worker_pool_main", "--service_port", str(tmp_path))
    args = (
        "--runner=PortableRunner",
        f"--job_endpoint={service}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool}",
    )
    monkeypatch.setitem(SECONDS, "WORKER", 4.0)
    with pytest.raises(EnvironmentTrouble, match="within 4 s") as caught:
        examine_workers(args)
    assert "lack apache_beam" in str(caught.value)
    assert "PENSTOCK_WAIT_WORKER" in str(caught.value)

    # Nor does a later job wait for ever, if the pool broke after that.
    monkeypatch.setitem(SECONDS, "JOB_START", 3.0)
    with pytest.raises(EnvironmentTrouble, match="within 3 s") as caught:
        run_pipeline(
            lambda p: p | beam.Create([1]) | beam.Map(str),
            Context(output_dir=tmp_path, beam_args=args),
        )
    assert "PENSTOCK_WAIT_JOB_START" in str(caught.value)
    assert not (tmp_path / ".workers").exists()


def test_submitted_jobs_are_asked_for_by_their_id(external: tuple[str, ...]) -> None:
    submitted = submission.submit_detached(lambda p: p | beam.Create([1]), external)
    while (state := submission.get_state(submitted)) not in ("DONE", "FAILED"):
        time.sleep(0.1)
    assert state == "DONE"


def test_a_loopback_job_is_not_submitted(loopback: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="workers in this process"):
        submission.submit_detached(lambda p: p | beam.Create([1]), loopback)


def test_a_job_server_killed_in_mid_job_is_a_lost_connection(
    tmp_path: Path, start, monkeypatch
) -> None:
    monkeypatch.setitem(SECONDS, "JOB_SERVER_AWAY", 2.0)
    server, port = start("apache_beam.runners.portability.local_job_service_main", "-p")
    pid = server.pid

    def work(number: int) -> None:
        os.kill(pid, 9)

    _, pool = start("apache_beam.runners.worker.worker_pool_main", "--service_port")
    args = (
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{port}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool}",
    )
    with pytest.raises(ConnectionLost) as caught:
        run(tmp_path, work, args)
    assert caught.value.run_status == "unknown"


def test_a_dead_port(monkeypatch) -> None:
    monkeypatch.setitem(SECONDS, "JOB_SERVER", 2.0)
    trouble = "no job server answers"
    with pytest.raises(EnvironmentTrouble, match=trouble):
        job_server.fetch_known_options(f"localhost:{free_port()}")


def test_a_port_that_never_speaks(monkeypatch) -> None:
    monkeypatch.setitem(SECONDS, "JOB_SERVER", 2.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(EnvironmentTrouble, match="no job server answers"),
    ):
        job_server.fetch_known_options(f"localhost:{silent.getsockname()[1]}")


def test_a_web_server(monkeypatch) -> None:
    monkeypatch.setitem(SECONDS, "JOB_SERVER", 3.0)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        # Which of the two gRPC says depends on when the connection broke.
        trouble = "is not a Beam job server|no job server answers"
        with pytest.raises(EnvironmentTrouble, match=trouble):
            job_server.fetch_known_options(f"localhost:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def test_a_flag_that_the_server_does_not_know_either(loopback: tuple[str, ...]) -> None:
    with (
        pytest.raises(ConfigError, match="--paralelism"),
        connect_job_server((*loopback, "--paralelism=2")),
    ):
        pass


def test_flink_without_java(monkeypatch, tmp_path: Path) -> None:
    jar = tmp_path / "empty.jar"
    jar.touch()
    args = (
        "--runner=FlinkRunner",
        f"--flink_job_server_jar={jar}",
        "--job_server_java_launcher=/nowhere/java",
    )
    with pytest.raises(EnvironmentTrouble, match="did not start"), connect_job_server(args):
        pass
    with (
        pytest.raises(EnvironmentTrouble, match="did not start"),
        connect_job_server((*args, f"--job_server_java_launcher={sys.executable}")),
    ):
        pass
