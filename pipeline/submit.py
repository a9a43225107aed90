"""Submit a whole run to a cluster, look after it, and enter in the ledger what its workers did."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from components.beam.job_server import connected
from components.beam.jobs import submission
from components.beam.jobs.remote_job import OVER
from components.beam.jobs.submission import Submitted
from components.beam.options import parse, runner, workers_are_elsewhere
from components.beam.staging import travelling
from components.beam.users_code import user_modules
from data.base.waits import SECONDS
from data.code.worker_code import installed
from data.errors import AlreadyPushed, ConfigError, ConnectionLost, EnvironmentTrouble
from pipeline.config.graph import PipelineConfig
from pipeline.environment.library_settings import pin_libraries
from pipeline.execution import cancellation, submission_file
from pipeline.execution.beam import chain
from pipeline.execution.beam_job import Job, done_before
from pipeline.execution.cancellation import Stopped
from pipeline.execution.journal import JournalReader, passed_on
from pipeline.execution.result import RunResult, conclude, illustrated
from pipeline.execution.run_record import RunRecord, new_run
from pipeline.execution.watcher import Watcher
from pipeline.planning import prepare
from pipeline.planning.plan import ReadySteps
from pipeline.planning.prepare import Prepared, Request
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import prepare_root

_POLL = 1.0  # seconds between two questions to the runner

OnInterrupt = Callable[[], Literal["cancel", "detach"]]


class Detached(KeyboardInterrupt):
    """The run was left to the cluster; `penstock attach` finds it again."""

    run_status = "submitted"


class Cancelled(KeyboardInterrupt):
    """The run was cancelled, here or on the cluster: it pushes nothing any more.

    Args:
        job: what became of its job, where that was asked here.
    """

    run_status = "cancelled"

    def __init__(self, job: Stopped | None = None) -> None:
        super().__init__()
        self.job = job


class NotBegun(EnvironmentTrouble):
    """No worker has begun with a run for long; the run stays submitted."""

    run_status = "submitted"


def submit(
    pipeline: PipelineConfig,
    request: Request,
    *,
    detach: bool,
    watcher: Watcher,
    on_interrupt: OnInterrupt,
) -> RunResult:
    """Send the plan to the runner that the request's Beam flags name.

    Args:
        pipeline: what a recipe returns.
        request: where and what; its root must lie where workers see it.
        detach: do not wait for the end.
        watcher: who is told what happens.
        on_interrupt: asked on Ctrl-C what is to become of the job.

    Raises:
        Detached: it runs, and this process does not wait for it.
        Cancelled: somebody cancelled it.
        PenstockError: it was refused before anything ran, or a step failed on the cluster.
    """
    pin_libraries()
    prepare.check(pipeline, request)
    prepare_root(request.root)
    root = request.root.resolve()
    with Ledger(root) as ledger:
        prepared = prepare.prepare(pipeline, request, ledger)
        _refuse_hidden_root(prepared)
        _refuse_hidden_inputs(prepared)
        with connected(prepared.workspace.beam_args) as beam_args:
            record = RunRecord(root, new_run(prepared.pipeline), ledger, watcher)
            with record:
                record.planned(prepared.chosen_plan)
                job = _job(prepared, record)
                with travelling(beam_args) as args:
                    submitted = submission.submit_detached(chain(job), args)
                submission_file.save(job, submitted)
                record.submitted()
                if detach:
                    raise Detached
                result = _followed(job, submitted, record, on_interrupt)
        result = dataclasses.replace(result, unseen=prepared.unseen)
        return illustrated(result, root, ledger)


def attach(root: Path, run_id: str, *, watcher: Watcher, on_interrupt: OnInterrupt) -> RunResult:
    """Enter in the ledger what the workers of a submitted run did, and wait for the rest.

    Raises:
        ConfigError: no such run, it was not submitted, or another process looks after it.
        Detached, Cancelled, PenstockError: as `submit`.
    """
    root = root.resolve()
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        job, submitted = submission_file.load(root, run.id)
        installed(job.code, job.code_folder)
        if run.status == "cancelled":
            cancellation.enter_steps(job, run, ledger)
            raise Cancelled
        if run.status not in cancellation.OPEN:
            outputs = {step: sealed.outputs for step, sealed in _done(job).sealed.items() if sealed}
            return RunResult(run=run, executions=ledger.executions(run.id), outputs=outputs)
        with RunRecord(root, run, ledger, watcher, again=True) as record:
            record.submitted()
            record.planned([p for p in job.plan() if p.step.name in job.chosen])
            result = _followed(job, submitted, record, on_interrupt)
        return illustrated(result, root, ledger)


def _refuse_hidden_root(prepared: Prepared) -> None:
    """Dataflow's workers are never on this machine, and take minutes to tell so."""
    workspace = prepared.workspace
    on_dataflow = runner(parse(workspace.beam_args)) == "DataflowRunner"
    if on_dataflow and not workspace.shared_filesystem:
        raise ConfigError(
            f"Dataflow's workers do not see the root {workspace.root}",
            expected="a file system that they and this machine mount at the same path",
            got="a local one",
            follows="nothing was submitted",
            remedy="mount Filestore or NFS in the workers' image and say --shared-filesystem; or "
            "use `penstock run --beam`, whose data-parallel steps alone go to Dataflow",
        )


def _refuse_hidden_inputs(prepared: Prepared) -> None:
    """Input files that workers may not see; whether they see the root, the first of them tells."""
    workspace = prepared.workspace
    if workspace.shared_filesystem or not workers_are_elsewhere(workspace.beam_args):
        return
    for planned in prepared.to_do:
        for file in planned.parts["files"]:
            path = Path(file).resolve()
            if path.exists() and not path.is_relative_to(workspace.root):
                raise ConfigError(
                    f"step {planned.step.name!r} reads {file}, which workers may not see",
                    expected="a path that all workers see",
                    follows="nothing was submitted",
                    remedy="if they see it by the same path, say so with --shared-filesystem; "
                    "else put it where they do",
                )


def _job(prepared: Prepared, record: RunRecord) -> Job:
    modules = [module for planned in prepared.plan for module in planned.step.modules()]
    return Job.of(
        prepared.plan,
        prepared.chosen,
        prepared.workspace,
        run_id=record.run_id,
        right=record.right,
        code=user_modules(modules),
    )


def _followed(
    job: Job, submitted: Submitted, record: RunRecord, on_interrupt: OnInterrupt
) -> RunResult:
    """Wait for the job's end, and finish the record by what its workers wrote.

    Where all steps are written down as made, it does not matter what the runner makes of the job.
    """
    reader, lost = JournalReader(job.folder, record), None
    with passed_on(reader):
        try:
            state = _awaited(job, submitted, record, reader, on_interrupt)
        except ConnectionLost as error:
            lost = error
    whole = reader.settled.issuperset(job.chosen)
    if not (lost or whole) and state == "CANCELLED":
        cancellation.revoke(job)  # a job server may say so of a job that goes on
    if cancellation.is_revoked(job):
        raise Cancelled
    if not whole and (lost or state != "DONE"):
        raise lost or reader.error or submission.failure(submitted)
    done = _done(job)
    hidden = [name for name, sealed in done.sealed.items() if sealed is None]
    if hidden:
        raise EnvironmentTrouble(
            "the job is done, but what it made is not to be seen here",
            expected=f"the artifacts of {', '.join(hidden)} in {job.root}",
            remedy="let the root lie on a file system that workers and this machine share",
        )
    return conclude(record, done, job.workspace())


def _done(job: Job) -> ReadySteps:
    plan = job.plan()
    return done_before(plan, len(plan), job.root)


def _awaited(
    job: Job,
    submitted: Submitted,
    record: RunRecord,
    reader: JournalReader,
    on_interrupt: OnInterrupt,
) -> str:
    """The job's last state; the user is asked once what a Ctrl-C is to mean."""
    before, end = "", time.monotonic() + SECONDS["JOB_START"]
    while True:
        try:
            if cancellation.is_revoked(job):
                raise Cancelled  # from another process; the job need not know it
            state = submission.state(submitted)
            if state != before:
                record.job(state, submitted.url)
                before = state
            if state in OVER:
                return state
            if time.monotonic() > end and not reader.begun:
                raise _not_begun(job, submitted, state)
            time.sleep(_POLL)
        except Cancelled:
            raise
        except KeyboardInterrupt:
            if on_interrupt() == "detach":
                raise Detached from None
            raise _cancelled(job, submitted) from None


def _not_begun(job: Job, submitted: Submitted, state: str) -> NotBegun:
    return NotBegun(
        f"no worker has begun with the run {job.run_id} after {SECONDS['JOB_START']:g} s",
        expected="a worker that writes to the run's folder",
        got=f"a job {submitted.job_id} that is {state.lower()}",
        follows="the run stays submitted; nobody waits for it here any more",
        remedy=f"see the runner's page and the workers' logs; then penstock attach {job.run_id}, "
        f"or penstock cancel {job.run_id}; PENSTOCK_WAIT_JOB_START says how long to wait",
    )


def _cancelled(job: Job, submitted: Submitted) -> Cancelled:
    """Cancel the run that this process waits for.

    Raises:
        AlreadyPushed: it has pushed, and goes on to its end.
    """
    try:
        cancellation.revoke(job)
    except AlreadyPushed as error:
        error.run_status = "submitted"
        raise
    try:
        return Cancelled(cancellation.stop(submitted))
    except KeyboardInterrupt:  # once more: it is cancelled, whatever its job does
        return Cancelled()
