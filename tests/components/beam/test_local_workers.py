"""Worker processes of this machine: behind a proxy, one that cannot start, one that dies."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import apache_beam as beam
import pytest

from components.beam.run_pipeline import run_pipeline
from components.context import Context
from data.errors import EnvironmentTrouble
from pipeline.environment.library_settings import pin_libraries

TWO = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=1")
pytestmark = [
    pytest.mark.slow,
    # Beam's threads, when a worker is not there any more.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


def run(folder: Path, function) -> None:
    context = Context(output_dir=folder, beam_args=TWO)
    run_pipeline(lambda p: p | beam.Create([1, 2]) | beam.Map(function), context)


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_workers_of_this_machine_are_reached_past_a_proxy(tmp_path, monkeypatch, closed_port):
    monkeypatch.setattr(os, "environ", os.environ)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    pin_libraries()
    folder = str(tmp_path)

    def work(number: int) -> None:
        (Path(folder) / f"{number}-{os.getpid()}").touch()

    run(tmp_path, work)
    names = {path.name for path in tmp_path.iterdir()}
    assert {name[0] for name in names} == {"1", "2"}
    assert f"1-{os.getpid()}" not in names


def test_one_that_cannot_start_ends_the_job(tmp_path, monkeypatch):
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    monkeypatch.setattr(
        SubprocessSDKEnvironment,
        "from_command_string",
        classmethod(lambda cls, command_string: cls(command_string="exit 3")),
    )
    with pytest.raises(EnvironmentTrouble, match="worker process died, or did not start") as found:
        run(tmp_path, str)
    assert "exited with return code" in found.value.got


def test_one_that_is_killed_at_its_work_ends_the_job(tmp_path):
    def work(number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(EnvironmentTrouble, match="worker process died"):
        run(tmp_path, work)
