"""How long to wait for somebody else, in seconds: each wait has a name, a bound, and can be set.

The command line sets them by `PENSTOCK_WAIT_<NAME>`; docs/how-to/runners.md says what each is for.
"""

from __future__ import annotations

from collections.abc import Mapping

SECONDS = {
    "JOB_SERVER": 10.0,  # the first answer of a job server
    "JOB_SERVER_START": 120.0,  # a job server that a run starts for itself
    "JOB_SERVER_AWAY": 60.0,  # a job server that answered before
    "FLINK": 10.0,  # an answer of Flink's REST interface
    "WORKER": 120.0,  # the small job that shows that a worker starts
    "CONTAINER": 600.0,  # the same, where an image may have to be fetched
    "JOB_START": 600.0,  # the first worker of a job, after that
    "ARTIFACT": 86_400.0,  # another run, which makes the same artifact
    "PUSH": 600.0,  # another push to the same model
    "PUSH_RIGHT": 60.0,  # a push at its last moment, before a run is cancelled or taken for dead
    "LEDGER": 30.0,  # another process's write
    "DOWNLOAD": 60.0,  # a server's next bytes, where TensorFlow Datasets downloads
    "NOTIFY": 60.0,  # all targets of a notification together
}


def set_waits(given: Mapping[str, float]) -> None:
    """Change some of them, by their names, for this process."""
    SECONDS.update(given)
