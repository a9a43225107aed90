"""Explain the error text of a runner: find its first cause, and what to do if that is known."""

from __future__ import annotations

import re
from typing import NamedTuple

from data.errors import (
    EnvironmentTrouble,
    PenstockError,
    StepError,
    deserialize_error,
    summarize_error,
)

_PYTHON = re.compile(r"^(?:E\s+)?((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::[ ](.*))?$", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):"
_JAVA = re.compile(r"(?:Caused by: |^)((?:[a-z]\w*\.)+[A-Z][\w$]*(?:: .*)?)$", re.MULTILINE)
_GRPC = re.compile(r'^\s*details = "(.*)"$', re.MULTILINE)
_WHERE = re.compile(r"\s*\[while running .*$", re.DOTALL)
_WIDTH = 500  # most characters of a cause that are shown


class Trouble(NamedTuple):
    """A known problem: the pattern of its text, what it means, and what to do."""

    pattern: str
    what: str
    remedy: str


_KNOWN = (
    Trouble(
        r"Insufficient number of network buffers",
        "Flink has too few network buffers for the job's stages",
        "raise taskmanager.memory.network.min and taskmanager.memory.network.max (512m, say) in "
        "the Flink config and restart the TaskManagers, or lower --parallelism",
    ),
    Trouble(
        r"NoResourceAvailableException|Could not acquire the minimum required resources"
        r"|TimeoutException: Timeout has occurred: \d+ ms"
        r"|Slot request bulk is not fulfillable|Initial job has not accepted any resources",
        "the cluster has no free slots for the job",
        "wait until other jobs end, add workers or slots, or lower --parallelism; Flink's own "
        "slot.request.timeout sets how long a job waits for slots",
    ),
    Trouble(
        r"No module named '(data|components|serving_export|pipeline)\b"
        r"|No module named '(tensorflow|tfx_bsl|tensorflow_transform|tensorflow_model_analysis)\b",
        "a worker lacks Penstock or a library that it needs",
        "install Penstock in the workers' environment, or send it with --setup_file ./setup.py",
    ),
    Trouble(
        r"Can't get attribute|cannot import name .* from '(data|components|serving_export|pipeline)"
        r"|_pickle\.UnpicklingError|unsupported pickle protocol|bad marshal data"
        r"|code\(\) (argument|expected|takes)|runtime environment are not compatible",
        "a worker cannot load the job: it has another version of Python or of Penstock",
        "install the same versions on the workers and restart them; `penstock doctor --runner=…` "
        "shows which versions differ",
    ),
    Trouble(
        r"serialVersionUID|InvalidClassException|NoSuch(Method|Field)Error|NoClassDefFoundError"
        r"|ExceptionInInitializerError|ServiceConfigurationError|AbstractMethodError"
        r"|Incompatible.*[vV]ersion|IncompatibleClassChange|Unsupported(Class)?Version",
        "the job server and the cluster were built for different versions",
        "use the job server that was built for the cluster's version (Flink: --flink_version and "
        "beam-runners-flink-<that version>)",
    ),
    Trouble(
        r"No space left on device|Errno 28|ENOSPC|Disk quota exceeded",
        "the disk of a worker is full",
        "free some space on the workers, where they write output and temporary files",
    ),
    Trouble(
        r"Permission denied|Errno 13|Read-only file system|Errno 30|AccessDenied|403 Forbidden",
        "a worker has no permission to write its output",
        "give the user of the workers the right to write the root and the temporary location",
    ),
    Trouble(
        r"failed to connect to all addresses|Connection refused",
        "the runner cannot reach its workers",
        "start the worker pool that --environment_config names, at an address that the runner can "
        "reach; then run again",
    ),
    Trouble(
        r"Channel closed prematurely",
        "the connection between the runner and a worker broke",
        "run the same command again; if the connection breaks again, read the log of the runner, "
        "and check that no other server listens on a port of the runner",
    ),
    Trouble(
        r"JobCancellationException|Job \d+ cancelled because",
        "the job was cancelled on the cluster",
        "find out who cancelled it; then run the same command again",
    ),
    Trouble(
        r"Can't pickle|cannot pickle|PicklingError",
        "an object that the job needs cannot be sent to workers",
        "open files, models and connections inside the function that uses them",
    ),
    Trouble(
        r"exited? (?:prematurely )?(?:early )?with (?:return|exit) code|worker died"
        r"|Failed to start (?:the )?(?:remote )?(?:SDK|worker|environment)|Process died with exit"
        r"|TaskManager with id \S+ is no longer reachable|Heartbeat of TaskManager"
        r"|RemoteTransportException|TaskManager .* was lost|SDK harness.*(?:disconnected|died)"
        r"|Docker.*(?:not found|Cannot run)"
        r"|Cannot run program \"docker\"|ExecutorLostFailure|Remote client disassociated",
        "a worker died, or did not start",
        "read the log of the worker; it may be out of memory, or its environment may be broken: "
        "`penstock doctor --runner=…` checks a worker",
    ),
)


def explain_failure(text: str) -> PenstockError:
    """Turn the error text of a runner into an error.

    An error that a worker raised is restored; a known problem becomes an EnvironmentTrouble; any
    other text becomes a StepError with the first cause.
    """
    revived = deserialize_error(text)
    if revived:
        return revived
    cause = find_first_cause(text)
    for trouble in _KNOWN:
        if re.search(trouble.pattern, text):
            return EnvironmentTrouble(
                trouble.what,
                got=cause,
                follows="the job ended; nothing that it wrote is used",
                remedy=trouble.remedy,
            )
    return StepError(
        "the job failed on a worker",
        got=cause,
        follows="the job ended; nothing that it wrote is used",
        remedy="fix the cause (--debug shows the whole text of the runner), then run the same "
        "command again",
    )


def explain_rejected_job(error: Exception) -> EnvironmentTrouble | None:
    """Explain why a job server or Google rejected a job; None for an error of another kind."""
    import grpc

    if not isinstance(error, grpc.RpcError | grpc.FutureTimeoutError):
        return explain_google_error(error)
    details = error.details() if hasattr(error, "details") else "no answer in time"
    return EnvironmentTrouble(
        "the job server did not accept the job",
        expected="a running job server at the address in --job_endpoint",
        got=details,
        follows="nothing ran there",
        remedy="start the job server, then run the same command again",
    )


def explain_google_error(error: Exception) -> EnvironmentTrouble | None:
    """Explain an error of Google's storage or Dataflow; None for an error from elsewhere."""
    is_google = type(error).__module__.startswith(
        ("google.api_core", "google.auth", "google.cloud")
    )
    if not is_google and "Could not upload to GCS" not in str(error):
        return None
    return EnvironmentTrouble(
        "Google Cloud refused a request",
        got=_shorten(summarize_error(error)),
        follows="nothing that the job writes is used",
        remedy="check --project, --region and the gs:// locations, that the Dataflow API is "
        "enabled, and that you have run `gcloud auth application-default login`",
    )


def find_first_cause(text: str) -> str:
    """Find the first cause, in one line: the innermost Python error, Java cause, or last line."""
    _, traceback, python = text.rpartition(_TRACEBACK)
    if traceback:
        errors = [match for match in _PYTHON.finditer(python) if not match[0].startswith("java.")]
        if errors:
            return _shorten(errors[0][0])
    grpc = _GRPC.findall(text)
    if grpc:
        return _shorten(grpc[-1])
    java = _JAVA.findall(text)
    if java:
        return _shorten(java[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _shorten(lines[-1]) if lines else "the runner gave no reason; read its log"


def _shorten(line: str) -> str:
    return _WHERE.sub("", line).strip()[:_WIDTH]
