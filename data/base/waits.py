"""Define the timeouts, in seconds, for servers and other processes.

The command line sets them by `PENSTOCK_WAIT_<NAME>`; docs/how-to/runners.md explains each.
"""

from __future__ import annotations

from collections.abc import Mapping

SECONDS = {
    "JOB_SERVER": 10.0,  # the first answer of a job server
    "JOB_SERVER_START": 120.0,  # a job server that a run starts for itself
    "JOB_SERVER_AWAY": 60.0,  # a job server that answered before and no longer does
    "FLINK": 10.0,  # an answer of Flink's REST interface, or a job to cancel that is not there yet
    "WORKER": 120.0,  # the test job that shows that a worker starts
    "CONTAINER": 600.0,  # the same, where a container image may have to be downloaded
    "JOB_START": 600.0,  # the first worker of the real job
    "ARTIFACT": 86_400.0,  # another run that is making the same artifact
    "PUSH": 600.0,  # another push to the same model
    "PUSH_RIGHT": 60.0,  # a push that is about to finish, before its run is cancelled or superseded
    "LEDGER": 30.0,  # another process that writes to the ledger
    "DOWNLOAD": 30.0,  # the next bytes of a download by TensorFlow Datasets
    "DOWNLOAD_START": 5.0,  # a connection to the server of such a download
    "NOTIFY": 60.0,  # all targets of a notification together
}


def set_waits(seconds: Mapping[str, float]) -> None:
    """Change some timeouts of this process, by name."""
    SECONDS.update(seconds)
