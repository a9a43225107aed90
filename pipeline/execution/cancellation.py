"""Cancel a submitted run: revoke its right to push, then stop its job on the cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path

from components.beam.jobs import submission
from components.beam.jobs.remote_job import OVER
from components.beam.jobs.submission import SubmittedJob
from data.errors import AlreadyPushed, ConfigError, ConnectionLost
from pipeline.execution import submission_file
from pipeline.execution.beam_job import Job
from pipeline.execution.events import ignore
from pipeline.execution.run_record import RunRecord
from pipeline.execution.worker_events import WorkerEventsReader
from pipeline.exit_codes import INTERRUPTED
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes import push_right
from pipeline.storage.tables import Run

OPEN = ("submitted", "unknown")  # statuses of runs whose end is not in the ledger
WAIT = 60.0  # seconds for a job to stop
_ENDED = tuple(state for state in OVER if state != "CANCELLED")  # job servers may claim that
_UNKNOWN = "UNKNOWN"
_DETACH_WAIT = 10.0  # seconds for a process attached to the run to see that it is cancelled


@dataclass(frozen=True, kw_only=True)
class StopReport:
    """What a runner answered when it was asked to stop a job."""

    answer: str  # the job's last state, or that the runner does not answer
    source: str  # the runner's page or address
    over: bool


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """A run that was cancelled and will push nothing."""

    run_id: str
    completed: tuple[str, ...]  # its steps whose artifacts stay
    job: StopReport


def cancel(root: Path, run_id: str, *, wait: float = WAIT) -> Cancellation:
    """Cancel a submitted run, or stop the job of a cancelled run that still goes on.

    Args:
        root: the root that it was submitted from.
        run_id: as in `penstock show`.
        wait: seconds to wait for a push that is being published, and then for the job.

    Raises:
        AlreadyPushed: the run has pushed; nothing was cancelled.
        ConfigError: there is no such run, it was not submitted, or it has ended.
        EnvironmentTrouble: a push that is being published does not end; nothing was cancelled.
    """
    root = root.resolve()
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        job, submitted = submission_file.load(root, run.id)
        _refuse_ended(run, job, submitted)
        revoke(job, wait=wait)
        ledger.finish_run(dataclasses.replace(run, status="cancelled", exit_code=INTERRUPTED))
        stopped = stop(submitted, wait)
        with contextlib.suppress(ConfigError):  # a process is attached to it, and does the same
            record_steps(job, run, ledger)
        executions = ledger.executions(run.id)
        completed = tuple(e.step for e in executions if e.succeeded)
    return Cancellation(run_id=run.id, completed=completed, job=stopped)


def revoke(job: Job, *, wait: float = WAIT) -> None:
    """Revoke a run's right to push: from then on it counts as cancelled.

    Raises:
        AlreadyPushed, EnvironmentTrouble: as `cancel`.
    """
    _refuse_pushed(job, push_right.revoke(job.push_right.file, "it was cancelled", wait=wait))


def stop(submitted: SubmittedJob, wait: float = WAIT) -> StopReport:
    """Ask the runner to stop a job, which has lost its right to push, whatever the answer."""
    source = submitted.url or f"the job server at {submitted.endpoint}"
    try:
        state = submission.stop_job(submitted, wait)
    except ConnectionLost as error:
        return StopReport(answer=error.brief, source=source, over=False)
    return StopReport(answer=state.lower(), source=source, over=state in OVER)


def is_revoked(job: Job) -> bool:
    """Tell whether the run was cancelled."""
    return push_right.get_loss_reason(job.push_right.file) is not None


def record_steps(job: Job, run: Run, ledger: Ledger) -> None:
    """Record what the workers of a cancelled run have done so far.

    Raises:
        ConfigError: another process is attached to the run.
    """
    record = RunRecord(
        job.root,
        dataclasses.replace(run, status="cancelled", exit_code=INTERRUPTED),
        ledger,
        ignore,
        resume=True,
        patience=_DETACH_WAIT,
    )
    with record:
        WorkerEventsReader(job.folder, record.emit).emit_new()
        if run.status != "cancelled":
            record.cancel()


def _refuse_ended(run: Run, job: Job, submitted: SubmittedJob) -> None:
    """Refuse a run that has ended; a cancelled one may still have a job that goes on."""
    if run.status == "cancelled":
        return
    _refuse_pushed(job, push_right.list_pushed_versions(job.push_right.file))
    try:
        state = submission.get_state(submitted)
    except ConnectionLost:
        state = _UNKNOWN  # it loses its right all the same
    ended = _ENDED if run.status in OPEN else (*OVER, _UNKNOWN)
    if run.status == "completed" or state in ended:
        raise ConfigError(
            f"the run {run.id} has ended",
            expected="a run whose job is still at work",
            got=f"run status {run.status}, job state {state.lower()}",
            follows="nothing was cancelled",
            remedy=f"`penstock attach {run.id}` shows its result",
        )


def _refuse_pushed(job: Job, pushed: list[Path]) -> None:
    if pushed:
        raise AlreadyPushed(
            f"the run {job.run_id} has pushed already",
            expected="a run that has not pushed yet",
            got=", ".join(map(str, pushed)),
            follows="the run was not cancelled, and the pushed version stays",
            remedy=f"penstock rollback {shlex.quote(str(pushed[0].parent))}",
        )
