"""`--runner=FlinkRunner` and `SparkRunner`: the run starts a real job server, and stops it."""

from __future__ import annotations

import socket

import clusters
import pytest
from free_ports import free_port

from pipeline.run import run

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture(params=["flink", "spark"])
def flags(request, tmp_path, monkeypatch) -> tuple[str, ...]:
    name = request.param
    runner = request.getfixturevalue(name)
    jar = clusters.jar_of(name, tmp_path)
    loopback = ("--environment_type=LOOPBACK", f"--job_port={free_port()}")
    if name == "flink":
        more = (*runner.more, f"--flink_job_server_jar={jar}")
        return ("--runner=FlinkRunner", *loopback, *more)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", " ".join(clusters.spark_jvm()))
    master = f"--spark_master_url={runner.master}"
    return ("--runner=SparkRunner", *loopback, master, f"--spark_job_server_jar={jar}")


def test_the_same_examples_by_a_job_server_of_its_own(flags, digits, reference, tmp_path):
    made = run(digits, root=tmp_path / "root", beam_args=flags, last="ingest").outputs
    expected = reference.outputs["ingest"].examples.path
    for shard in expected.glob("*.tfrecord*"):
        found = made["ingest"].examples.path / shard.name
        assert found.read_bytes() == shard.read_bytes()
    (port,) = [flag.partition("=")[2] for flag in flags if flag.startswith("--job_port=")]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1.0):
        pass  # it was stopped
