"""What a runner's long error text means: its first cause, and what to do where that is known."""

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
_WIDTH = 500  # characters of a cause that are shown


class Trouble(NamedTuple):
    """A known trouble: what its text has, what it means, what to do."""

    pattern: str
    what: str
    remedy: str


_KNOWN = (
    Trouble(
        r"Insufficient number of network buffers",
        "Flink has too few network buffers for the job's stages",
        "raise taskmanager.memory.network.min and taskmanager.memory.network.max (512m, say) in "
        "Flink's config and restart its TaskManagers, or lower --parallelism",
    ),
    Trouble(
        r"NoResourceAvailableException|Could not acquire the minimum required resources"
        r"|TimeoutException: Timeout has occurred: \d+ ms"
        r"|Slot request bulk is not fulfillable|Initial job has not accepted any resources",
        "the cluster is full: no free slots for the job",
        "wait until other jobs end, add workers or slots, or lower --parallelism",
    ),
    Trouble(
        r"No module named '(data|components|serving_export|pipeline)\b"
        r"|No module named '(tensorflow|tfx_bsl|tensorflow_transform|tensorflow_model_analysis)\b",
        "a worker lacks Penstock or a library that it needs",
        "install Penstock into the workers' environment, or send it with --setup_file ./setup.py",
    ),
    Trouble(
        r"Can't get attribute|cannot import name .* from '(data|components|serving_export|pipeline)"
        r"|_pickle\.UnpicklingError|unsupported pickle protocol|bad marshal data"
        r"|code\(\) (argument|expected|takes)|runtime environment are not compatible",
        "a worker cannot load what was sent: its Python or its Penstock is another version",
        "install the same versions on workers and start them anew; `penstock doctor --runner=…` "
        "tells which differ",
    ),
    Trouble(
        r"serialVersionUID|InvalidClassException|NoSuch(Method|Field)Error|NoClassDefFoundError"
        r"|ExceptionInInitializerError|ServiceConfigurationError|AbstractMethodError"
        r"|Incompatible.*[vV]ersion|IncompatibleClassChange|Unsupported(Class)?Version",
        "the job server and the cluster do not fit: they were built for different versions",
        "use the job server that was built for the cluster's version (Flink: --flink_version and "
        "beam-runners-flink-<that version>)",
    ),
    Trouble(
        r"No space left on device|Errno 28|ENOSPC|Disk quota exceeded",
        "a disk is full on a worker",
        "free some space on the workers, where they write output and temporary files",
    ),
    Trouble(
        r"Permission denied|Errno 13|Read-only file system|Errno 30|AccessDenied|403 Forbidden",
        "a worker may not write where it has to",
        "give the workers' user the right to write the root and the temporary location",
    ),
    Trouble(
        r"failed to connect to all addresses|Connection refused",
        "the runner cannot reach its workers",
        "start the worker pool that --environment_config names, at an address that the runner "
        "reaches; then run again",
    ),
    Trouble(
        r"JobCancellationException|Job \d+ cancelled because",
        "the job was cancelled on the cluster",
        "ask who did it; then run the same command again",
    ),
    Trouble(
        r"Can't pickle|cannot pickle|PicklingError",
        "something that the job needs cannot be sent to workers",
        "open files, models and connections in the function that uses them, not outside of it",
    ),
    Trouble(
        r"exited? (?:prematurely )?(?:early )?with (?:return|exit) code|worker died"
        r"|Failed to start (?:the )?(?:remote )?(?:SDK|worker|environment)|Process died with exit"
        r"|TaskManager with id \S+ is no longer reachable|Heartbeat of TaskManager"
        r"|RemoteTransportException|TaskManager .* was lost|SDK harness.*(?:disconnected|died)"
        r"|Docker.*(?:not found|Cannot run)"
        r"|Cannot run program \"docker\"|ExecutorLostFailure|Remote client disassociated",
        "a worker died, or did not start",
        "see the worker's log; it may lack memory, or its environment be broken: `penstock doctor "
        "--runner=…` tries one",
    ),
)


def explain_failure(text: str) -> PenstockError:
    """The error that a runner's text tells of.

    One that a worker marked comes back as it was; a known trouble is an EnvironmentTrouble in
    clear words; all else is a StepError with the first cause.
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
                follows="the job ended; nothing that it wrote counts",
                remedy=trouble.remedy,
            )
    return StepError(
        "the job failed on a worker",
        got=cause,
        follows="the job ended; nothing that it wrote counts",
        remedy="mend the cause; --debug shows the runner's whole text",
    )


def explain_rejected_job(error: Exception) -> EnvironmentTrouble | None:
    """Why a job server or Google did not take a job; None for an error of another kind."""
    import grpc

    if not isinstance(error, grpc.RpcError | grpc.FutureTimeoutError):
        return explain_google_error(error)
    said = error.details() if hasattr(error, "details") else "no answer in time"
    return EnvironmentTrouble(
        "the job server did not take the job",
        expected="a job server that runs, as --job_endpoint says",
        got=said,
        follows="nothing ran there",
        remedy="start the job server, then run the same command again",
    )


def explain_google_error(error: Exception) -> EnvironmentTrouble | None:
    """What Google's storage or Dataflow does not do; None for an error from elsewhere."""
    theirs = type(error).__module__.startswith(("google.api_core", "google.auth", "google.cloud"))
    if not theirs and "Could not upload to GCS" not in str(error):
        return None
    return EnvironmentTrouble(
        "Google's services do not do what was asked",
        got=_short(summarize_error(error)),
        follows="nothing that the job writes counts",
        remedy="see that --project, --region and the gs:// locations are right, that the Dataflow "
        "API is enabled, and that `gcloud auth application-default login` was done",
    )


def find_first_cause(text: str) -> str:
    """One line: the innermost Python error, else the deepest Java cause, else the last line."""
    _, found, python = text.rpartition(_TRACEBACK)
    if found:
        errors = [match for match in _PYTHON.finditer(python) if not match[0].startswith("java.")]
        if errors:
            return _short(errors[0][0])
    grpc = _GRPC.findall(text)
    if grpc:
        return _short(grpc[-1])
    java = _JAVA.findall(text)
    if java:
        return _short(java[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _short(lines[-1]) if lines else "the runner gave no reason; see its own log"


def _short(line: str) -> str:
    return _WHERE.sub("", line).strip()[:_WIDTH]
