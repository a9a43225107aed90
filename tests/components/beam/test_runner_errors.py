"""A runner's text, in one line and in clear words."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.runners.worker.data_plane import GrpcClientDataChannelFactory

from components.beam.runner_errors import explain_failure, find_first_cause
from data.errors import BadDataError, EnvironmentTrouble, StepError, serialize_error

PYTHON = """java.lang.RuntimeException: Error from SDK harness: Traceback (most recent call last):
  File "common.py", line 1, in process
    raise ValueError("boom")
ValueError: boom

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "sdk_worker.py", line 2, in execute
ValueError: boom [while running 'Work']

\tat org.apache.beam.runners.fnexecution.FnApiControlClient.handle(FnApiControlClient.java:180)
"""
JAVA = """org.apache.flink.client.program.ProgramInvocationException: The main method failed
\tat org.apache.flink.Client.run(Client.java:1)
Caused by: org.apache.flink.runtime.JobExecutionException: Job execution failed.
\t... 12 more
Caused by: java.io.IOException: Insufficient number of network buffers: required 17, but only 1
\tat a.B.c(B.java:3)
"""


def test_the_innermost_python_error() -> None:
    assert find_first_cause(PYTHON) == "ValueError: boom"
    assert isinstance(explain_failure(PYTHON), StepError)


def test_the_deepest_java_cause() -> None:
    assert find_first_cause(JAVA).startswith("java.io.IOException: Insufficient number")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (JAVA, "taskmanager.memory.network.max"),
        ("ModuleNotFoundError: No module named 'components'", "--setup_file"),
        ("java.io.InvalidClassException: x; local class incompatible: serialVersionUID", "Flink"),
        ("NoResourceAvailableException: Could not acquire the minimum", "--parallelism"),
        (  # a worker with Python 3.12
            "RuntimeError: Pipeline construction environment and pipeline runtime environment are "
            "not compatible. If you use a custom container image, check that the Python",
            "it has another version of Python or of Penstock",
        ),
        (  # Beam's job server for Flink 1.19 with a cluster of 2.0
            "java.lang.ExceptionInInitializerError: Exception java.util.ServiceConfigurationError: "
            "com.fasterxml.jackson.databind.Module: com.fasterxml.jackson.datatype.jsr310."
            'JavaTimeModule not a subtype [in thread "DataSink (DiscardingOutput) (1/2)#0"]',
            "built for the cluster's version",
        ),
        ("OSError: [Errno 28] No space left on device", "free some space"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "right to write"),
        ("TypeError: cannot pickle '_thread.lock' object", "inside the function"),
        ('IOException: Cannot run program "docker": error=2', "doctor"),
        ("AttributeError: Can't get attribute 'Shard' on <module>", "same versions"),
    ],
)
def test_known_troubles_say_what_to_do(text: str, word: str) -> None:
    error = explain_failure(text)
    assert isinstance(error, EnvironmentTrouble)
    assert word in str(error)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_data_stream_breaks() -> None:
    # Here the stream reaches a server that knows nothing of it.
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = GrpcClientDataChannelFactory(worker_id="1").create_data_channel_from_url(
        f"127.0.0.1:{port}"
    )
    with pytest.raises(RuntimeError) as caught:
        list(channel.input_elements("1", ["work"]))
    server.stop(None).wait()
    error = explain_failure("".join(traceback.format_exception(caught.value)))
    assert isinstance(error, EnvironmentTrouble)
    assert "the connection between the runner and a worker broke" in str(error)
    assert "run the same command again" in str(error)


def test_a_marked_error_is_revived_from_within() -> None:
    ours = BadDataError("no", got="No space left on device")
    assert str(
        explain_failure(f"java.X: y\nRuntimeError: {serialize_error(ours)} [while running 'a']")
    ) == str(ours)


def test_silence_is_said() -> None:
    assert "no reason" in str(explain_failure("").got)
