"""Cancel a submitted run: take its right to push, then end its job, and say what became of that."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path

from components.beam.jobs import submission
from components.beam.jobs.remote_job import OVER
from components.beam.jobs.submission import Submitted
from data.errors import AlreadyPushed, ConfigError, ConnectionLost
from pipeline.execution import submission_file
from pipeline.execution.beam_job import Job
from pipeline.execution.journal import JournalReader
from pipeline.execution.run_record import RunRecord
from pipeline.execution.watcher import Watcher
from pipeline.exit_codes import INTERRUPTED
from pipeline.storage.ledger import Ledger, Run
from pipeline.storage.pushes import push_right

OPEN = ("submitted", "unknown")  # states of runs whose end is not in the ledger
WAIT = 60.0  # seconds for a job to stop
_ENDED = tuple(state for state in OVER if state != "CANCELLED")  # which some only say
_UNKNOWN = "UNKNOWN"
_HANDED_OVER = 10.0  # seconds for a process that looks after the run to see that it is cancelled


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What became of a job that was to stop."""

    said: str  # its last state, or that the runner does not answer
    by: str  # who said so
    over: bool


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """A run that pushes nothing any more."""

    run_id: str
    made: tuple[str, ...]  # its steps whose artifacts stay
    job: Stopped


def cancel(root: Path, run_id: str, *, wait: float = WAIT) -> Cancellation:
    """Cancel a submitted run, whatever its runner makes of that; again, where its job went on.

    Args:
        root: where it was submitted from.
        run_id: as in `penstock show`.
        wait: seconds for a push at its last moment to end, and then for the job.

    Raises:
        AlreadyPushed: it has pushed; nothing was cancelled.
        ConfigError: no such run, it was not submitted, or is over.
        EnvironmentTrouble: a push at its last moment does not end; nothing was cancelled.
    """
    root = root.resolve()
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        job, submitted = submission_file.load(root, run.id)
        _refuse_over(run, job, submitted)
        revoke(job, wait=wait)
        ledger.finish_run(dataclasses.replace(run, status="cancelled", exit_code=INTERRUPTED))
        stopped = stop(submitted, wait)
        with contextlib.suppress(ConfigError):  # another process looks after it, and does the same
            enter_steps(job, run, ledger)
        made = [e.step for e in ledger.executions(run.id) if e.status in ("made", "reused")]
    return Cancellation(run_id=run.id, made=tuple(made), job=stopped)


def revoke(job: Job, *, wait: float = WAIT) -> None:
    """Take a run's right to push, so that it may be called cancelled.

    Raises:
        AlreadyPushed, EnvironmentTrouble: as `cancel`.
    """
    _refuse_pushed(job, push_right.revoke(job.push_right.file, "it was cancelled", wait=wait))


def stop(submitted: Submitted, wait: float = WAIT) -> Stopped:
    """Ask the runner to end the job; it has lost its right to push, whatever comes of this."""
    by = submitted.url or f"the job server at {submitted.endpoint}"
    try:
        state = submission.stop(submitted, wait)
    except ConnectionLost as error:
        return Stopped(said=error.brief, by=by, over=False)
    return Stopped(said=state.lower(), by=by, over=state in OVER)


def is_revoked(job: Job) -> bool:
    """Whether somebody has cancelled the run."""
    return push_right.get_loss_reason(job.push_right.file) is not None


def enter_steps(job: Job, run: Run, ledger: Ledger) -> None:
    """Enter in the ledger what the workers of a cancelled run have done so far.

    Raises:
        ConfigError: another process looks after the run.
    """
    cancelled = dataclasses.replace(run, status="cancelled", exit_code=INTERRUPTED)
    record = RunRecord(job.root, cancelled, ledger, Watcher(), again=True, patience=_HANDED_OVER)
    with record:
        JournalReader(job.folder, record).pass_on()
        if run.status != "cancelled":
            record.cancelled()


def _refuse_over(run: Run, job: Job, submitted: Submitted) -> None:
    """A run that is over; one that was cancelled may still have a job."""
    if run.status == "cancelled":
        return
    _refuse_pushed(job, push_right.list_pushed_versions(job.push_right.file))
    try:
        state = submission.state(submitted)
    except ConnectionLost:
        state = _UNKNOWN  # it loses its right all the same
    ended = _ENDED if run.status in OPEN else (*OVER, _UNKNOWN)
    if run.status == "done" or state in ended:
        raise ConfigError(
            f"the run {run.id} is over: {run.status}, its job {state.lower()}",
            expected="one that is still at work",
            remedy=f"penstock attach {run.id} shows what came of it",
        )


def _refuse_pushed(job: Job, pushed: list[Path]) -> None:
    if pushed:
        raise AlreadyPushed(
            f"the run {job.run_id} has pushed already",
            expected="one that has not come so far",
            got=", ".join(map(str, pushed)),
            follows="the run was not cancelled, and what it pushed stays",
            remedy=f"penstock rollback {shlex.quote(str(pushed[0].parent))}",
        )
