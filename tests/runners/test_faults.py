"""Faults in the middle of a job: said clearly, nothing half made is kept, the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clusters
import pytest

from data.base.waits import SECONDS
from data.errors import ConnectionLost, EnvironmentTrouble
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig
from pipeline.run import run
from pipeline.storage.ledger import Ledger

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture
def when_started(tmp_path) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Does something once the source halts, and lets it go on."""
    threads = []
    ended = threading.Event()

    def wait(do: Callable[[], Any]) -> None:
        while not (tmp_path / "started").exists():
            if ended.wait(0.1):
                return
        try:
            do()
        finally:
            (tmp_path / "go").touch()

    def start(do: Callable[[], Any]) -> None:
        threads.append(threading.Thread(target=wait, args=(do,)))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def ended_so(root: Path, code: int, status: str) -> None:
    """The latest run ended so, and nothing half made is left or counts."""
    with Ledger(root) as ledger:
        (latest, *_) = ledger.runs()
    assert (latest.exit_code, latest.status) == (code, status)
    assert not list(root.glob("artifacts/ingest/[0-9a-f]*"))
    assert not list(root.glob("artifacts/*/.*.making"))


def goes_on(pipeline: PipelineConfig, root: Path, args: tuple[str, ...], examples: Path) -> None:
    """The same command again makes what the reference has."""
    result = run(pipeline, root=root, beam_args=args, last="ingest")
    made = result.outputs["ingest"].examples.path
    for shard in examples.glob("*.tfrecord*"):
        assert (made / shard.name).read_bytes() == shard.read_bytes()


@pytest.fixture
def examples(reference) -> Path:
    return reference.outputs["ingest"].examples.path


def test_flink_cancels(flink, slow_digits, when_started, examples, tmp_path):
    def cancel() -> None:
        (job,) = [j for j in flink.ask("/jobs/overview")["jobs"] if j["state"] == "RUNNING"]
        flink.ask(f"/jobs/{job['jid']}?mode=cancel", "PATCH")

    root = tmp_path / "root"
    when_started(cancel)
    with pytest.raises(EnvironmentTrouble, match=r"did not finish|cancel"):
        run(slow_digits, root=root, beam_args=flink.args, last="ingest")
    ended_so(root, exit_codes.ENVIRONMENT, "failed")
    goes_on(slow_digits, root, flink.args, examples)


def test_flink_ends_a_job_whose_run_is_interrupted(flink, slow_digits, tmp_path):
    """Its job server calls it cancelled, and lets it go on."""
    heard = threading.Event()

    def press_ctrl_c() -> None:
        while not (tmp_path / "started").exists():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        while not heard.wait(10):  # Python loses an exception that is raised in a callback
            os.kill(os.getpid(), signal.SIGINT)

    def alive() -> list[str]:
        jobs = flink.ask("/jobs/overview")["jobs"]
        return [j["state"] for j in jobs if j["state"] not in ("FINISHED", "CANCELED", "FAILED")]

    def run_until_interrupted() -> None:
        try:
            run(slow_digits, root=root, beam_args=flink.args, last="ingest")
        finally:
            heard.set()

    root = tmp_path / "root"
    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted()
    thread.join()
    # Before the source goes on: a busy cluster takes its time to cancel.
    flink.processes.until(lambda: "RUNNING" not in alive(), "the cancellation", 60)
    (tmp_path / "go").touch()
    flink.processes.until(lambda: alive() == [], "the end of the job")
    ended_so(root, exit_codes.INTERRUPTED, "interrupted")


def test_flink_loses_its_task_managers(flink, slow_digits, when_started, examples, tmp_path):
    names = [name for name in flink.processes.running if name.startswith("task-manager")]

    def kill() -> None:
        for name in names:
            flink.processes.kill(name)

    root = tmp_path / "root"
    when_started(kill)
    with pytest.raises(EnvironmentTrouble, match="worker died"):
        run(slow_digits, root=root, beam_args=flink.args, last="ingest")
    ended_so(root, exit_codes.ENVIRONMENT, "failed")
    for name in names:
        flink.processes.begun[name]()
    flink.processes.until(
        lambda: flink.ask("/overview")["slots-available"] >= 2, "Flink's new workers"
    )
    goes_on(slow_digits, root, flink.args, examples)


def test_the_job_server_goes(flink, slow_digits, when_started, examples, tmp_path, monkeypatch):
    monkeypatch.setitem(SECONDS, "JOB_SERVER_AWAY", 3.0)
    root = tmp_path / "root"
    when_started(lambda: flink.processes.kill("job-server"))
    with pytest.raises(ConnectionLost, match="does not answer any more"):
        run(slow_digits, root=root, beam_args=flink.args, last="ingest")
    ended_so(root, exit_codes.ENVIRONMENT, "unknown")
    flink.processes.begun["job-server"]()
    port = int(flink.endpoint.rpartition(":")[2])
    flink.processes.until(clusters.listens(port), "the new job server")
    goes_on(slow_digits, root, flink.args, examples)


def test_too_few_network_buffers_and_too_few_slots(digits, tmp_path):
    reason = clusters.missing("flink", "flink-job-server")
    if reason:
        pytest.skip(reason)
    with clusters.flink(tmp_path / "small", task_managers=1, slots=4, network="8m") as small:
        root = tmp_path / "root"
        with pytest.raises(EnvironmentTrouble, match="network buffers") as found:
            run(digits, root=root, beam_args=small.args)
        assert "taskmanager.memory.network.max" in str(found.value)
        assert not list(root.glob("artifacts/evaluate/[0-9a-f]*"))
        with pytest.raises(EnvironmentTrouble, match="cluster has no free slots"):
            run(digits, root=tmp_path / "full", beam_args=(*small.args, "--parallelism=5"))
        ended_so(tmp_path / "full", exit_codes.ENVIRONMENT, "failed")


def test_spark_loses_an_executor(spark, slow_digits, when_started, examples, tmp_path):
    session = str(spark.processes.running["worker"].pid)  # started as the first of its own

    def kill() -> None:
        found = subprocess.run(
            ["pgrep", "--session", session, "-f", "CoarseGrainedExecutorBackend.*spark://"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for process in found:
            os.kill(int(process), signal.SIGKILL)

    root = tmp_path / "root"
    when_started(kill)
    try:
        goes_on(slow_digits, root, spark.args, examples)  # Spark tries again by itself
    except EnvironmentTrouble:
        ended_so(root, exit_codes.ENVIRONMENT, "failed")
        goes_on(slow_digits, root, spark.args, examples)
