"""Job services and worker pools of plain Python, as processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from free_ports import free_port

ROOT = Path(__file__).parents[3]


def wait_for(port: int, process: subprocess.Popen) -> None:
    while True:
        assert process.poll() is None, "the server ended at its start"
        with socket.socket() as caller:
            caller.settimeout(0.2)
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


Start = Callable[..., tuple[subprocess.Popen, int]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a module of Beam's on a free port; ended with the session at the latest."""
    processes: list[subprocess.Popen] = []
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def started(module: str, flag: str, path: str | None = None) -> tuple[subprocess.Popen, int]:
        port = free_port()
        bin_folder = path or str(Path(sys.executable).parent)
        environ = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", module, flag, str(port)]
        process = subprocess.Popen(
            command,
            cwd=elsewhere,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        wait_for(port, process)
        return process, port

    yield started
    for process in processes:
        process.terminate()
        process.wait()


SERVICE = "apache_beam.runners.portability.local_job_service_main", "-p"
POOL = "apache_beam.runners.worker.worker_pool_main", "--service_port"


@pytest.fixture(scope="session")
def service(start: Start) -> str:
    """HOST:PORT of a job service."""
    return f"localhost:{start(*SERVICE)[1]}"


@pytest.fixture(scope="session")
def external(start: Start, service: str) -> tuple[str, ...]:
    """Flags for the job service with a worker pool in another process."""
    pool = start(*POOL)[1]
    return (
        "--runner=PortableRunner",
        f"--job_endpoint={service}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool}",
    )


@pytest.fixture(scope="session")
def loopback(service: str) -> tuple[str, ...]:
    return ("--runner=PortableRunner", f"--job_endpoint={service}", "--environment_type=LOOPBACK")
