"""Submit a whole run to a cluster, wait for its end, and record what its workers did."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from components.beam.job_server import connect_job_server
from components.beam.jobs import submission
from components.beam.jobs.remote_job import OVER
from components.beam.jobs.submission import SubmittedJob
from components.beam.options import get_runner_name, parse_flags, workers_are_elsewhere
from components.beam.staging import stage_code
from components.beam.users_code import collect_user_modules
from components.context import Context
from data.base.waits import SECONDS
from data.code.worker_code import install_user_modules
from data.errors import AlreadyPushed, ConfigError, ConnectionLost, EnvironmentTrouble
from pipeline.config.graph import PipelineConfig
from pipeline.environment.library_settings import pin_libraries
from pipeline.execution import cancellation, submission_file
from pipeline.execution.beam import chain_steps
from pipeline.execution.beam_job import Job, collect_done
from pipeline.execution.cancellation import StopReport
from pipeline.execution.events import Emit, JobStateChanged, RunPlanned
from pipeline.execution.result import RunResult, conclude
from pipeline.execution.run_record import RunRecord, make_run
from pipeline.execution.worker_events import WorkerEventsReader, forward_events
from pipeline.planning import prepare
from pipeline.planning.prepare import Prepared, Request
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import prepare_root

_POLL = 1.0  # seconds between two requests for the job's state

OnInterrupt = Callable[[], Literal["cancel", "detach"]]


class Detached(KeyboardInterrupt):
    """This process no longer waits for the run, which goes on; `penstock attach` waits again."""

    run_status = "submitted"


class Cancelled(KeyboardInterrupt):
    """The run was cancelled, here or on the cluster: it will push nothing.

    Args:
        job: what the runner answered, if it was asked to stop the job.
    """

    run_status = "cancelled"

    def __init__(self, job: StopReport | None = None) -> None:
        super().__init__()
        self.job = job


class JobNotStarted(EnvironmentTrouble):
    """No worker has started the run in time; the run stays submitted."""

    run_status = "submitted"


def submit(
    pipeline: PipelineConfig,
    request: Request,
    *,
    detach: bool,
    on_event: Emit,
    on_interrupt: OnInterrupt,
) -> RunResult:
    """Send the plan to the runner that the request's Beam flags name, and wait for the result.

    Args:
        pipeline: what a recipe returns.
        request: what to run; workers must see its root by the same path.
        detach: do not wait for the result.
        on_event: receives each event of the run.
        on_interrupt: called on Ctrl-C; it decides what becomes of the job.

    Raises:
        Detached: the run goes on, and this process does not wait for it.
        Cancelled: somebody cancelled the run.
        PenstockError: the request was refused before anything ran, or a step failed.
    """
    pin_libraries()
    prepare.check(pipeline, request)
    prepare_root(request.root)
    root = request.root.resolve()
    with Ledger(root) as ledger:
        prepared = prepare.prepare(pipeline, request, ledger)
        _refuse_unshared_root(prepared)
        _refuse_unshared_inputs(prepared)
        with connect_job_server(prepared.workspace.beam_args) as beam_args:
            record = RunRecord(root, make_run(prepared.pipeline), ledger, on_event)
            with record:
                record.emit(RunPlanned.of(record.run.id, prepared.chosen_plan))
                job = _make_job(prepared, record)
                with stage_code(beam_args) as args:
                    submitted = submission.submit_detached(chain_steps(job), args)
                submission_file.save(job, submitted)
                record.submit()
                if detach:
                    raise Detached
                result = _wait_for_result(job, submitted, record, on_interrupt)
        return dataclasses.replace(result, unseen=prepared.unseen)


def attach(root: Path, run_id: str, *, on_event: Emit, on_interrupt: OnInterrupt) -> RunResult:
    """Record what the workers of a submitted run have done, and wait for the rest.

    Raises:
        ConfigError: there is no such run, it was not submitted, or another process is attached.
        Detached, Cancelled, PenstockError: as `submit`.
    """
    root = root.resolve()
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        job, submitted = submission_file.load(root, run.id)
        install_user_modules(job.code, job.code_folder)
        if run.status == "cancelled":
            cancellation.record_steps(job, run, ledger)
            raise Cancelled
        if run.status not in cancellation.OPEN:
            done = collect_done(job.plan(), root).sealed
            return RunResult(
                root=root,
                run=run,
                executions=ledger.executions(run.id),
                outputs={step: sealed.outputs for step, sealed in done.items() if sealed},
            )
        with RunRecord(root, run, ledger, on_event, resume=True) as record:
            record.submit()
            chosen = [p for p in job.plan() if p.step.name in job.chosen]
            record.emit(RunPlanned.of(run.id, chosen))
            return _wait_for_result(job, submitted, record, on_interrupt)


def _refuse_unshared_root(prepared: Prepared) -> None:
    """Refuse a local root for Dataflow, whose workers would fail only after minutes."""
    workspace = prepared.workspace
    on_dataflow = get_runner_name(parse_flags(workspace.beam_args)) == "DataflowRunner"
    if on_dataflow and not workspace.shared_filesystem:
        raise ConfigError(
            f"Dataflow's workers do not see the root {workspace.root}",
            expected="a root on a file system that workers and this machine mount at one path",
            got="a local folder",
            follows="nothing was submitted",
            remedy="mount Filestore or NFS in the workers' image and add --shared-filesystem; or "
            "use `penstock run --beam`, which sends only the data-parallel steps to Dataflow",
        )


def _refuse_unshared_inputs(prepared: Prepared) -> None:
    """Refuse local input files that workers may not see; the first worker checks the root."""
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
                    got="a path on this machine, outside the root",
                    follows="nothing was submitted",
                    remedy="add --shared-filesystem if the workers see the same path; otherwise "
                    "move the file to a file system that they share",
                )


def _make_job(prepared: Prepared, record: RunRecord) -> Job:
    """Make the job of a run whose steps do their own Beam work on the worker itself."""
    modules = [module for planned in prepared.plan for module in planned.step.modules()]
    return Job.of(
        prepared.plan,
        prepared.chosen,
        dataclasses.replace(prepared.workspace, beam_args=Context.beam_args),
        run_id=record.run.id,
        attempt=record.right.attempt,
        code=collect_user_modules(modules),
    )


def _wait_for_result(
    job: Job, submitted: SubmittedJob, record: RunRecord, on_interrupt: OnInterrupt
) -> RunResult:
    """Wait for the job's end, record what its workers wrote, and return the run's result.

    If the workers have completed all steps, the job's last state does not matter.
    """
    reader, lost = WorkerEventsReader(job.folder, record.emit), None
    with forward_events(reader):
        try:
            state = _wait_for_job(job, submitted, record, reader, on_interrupt)
        except ConnectionLost as error:
            lost = error
    all_completed = reader.completed.issuperset(job.chosen)
    if not (lost or all_completed) and state == "CANCELLED":
        cancellation.revoke(job)  # a job server may report this state of a job that goes on
    if cancellation.is_revoked(job):
        raise Cancelled
    if not all_completed and (lost or state != "DONE"):
        raise lost or reader.error or submission.get_failure(submitted)
    done = collect_done(job.plan(), job.root)
    missing = [name for name, sealed in done.sealed.items() if sealed is None]
    if missing:
        raise EnvironmentTrouble(
            "the job is done, but its artifacts cannot be seen here",
            expected=f"the artifacts of {', '.join(missing)} in {job.root}",
            got="no such artifacts",
            remedy="choose a --root on a file system that the workers and this machine share",
        )
    return conclude(record, done, job.workspace)


def _wait_for_job(
    job: Job,
    submitted: SubmittedJob,
    record: RunRecord,
    reader: WorkerEventsReader,
    on_interrupt: OnInterrupt,
) -> str:
    """Return the job's last state; on Ctrl-C, ask once what is to become of the job."""
    last_state, end = "", time.monotonic() + SECONDS["JOB_START"]
    while True:
        try:
            if cancellation.is_revoked(job):
                raise Cancelled  # from another process; the job need not know it
            state = submission.get_state(submitted)
            if state != last_state:
                record.emit(JobStateChanged(state=state, url=submitted.url))
                last_state = state
            if state in OVER:
                return state
            if time.monotonic() > end and not reader.has_events:
                raise _make_not_started_error(job, submitted, state)
            time.sleep(_POLL)
        except Cancelled:
            raise
        except KeyboardInterrupt:
            if on_interrupt() == "detach":
                raise Detached from None
            raise _cancel(job, submitted) from None


def _make_not_started_error(job: Job, submitted: SubmittedJob, state: str) -> JobNotStarted:
    return JobNotStarted(
        f"no worker has started the run {job.run_id} within {SECONDS['JOB_START']:g} s",
        expected="a worker that writes to the run's folder",
        got=f"no events of a worker; job {submitted.job_id} is {state.lower()}",
        follows="the run stays submitted, but this process no longer waits for it",
        remedy="check the runner's page and the workers' logs, then "
        f"`penstock attach {job.run_id}` or `penstock cancel {job.run_id}`; "
        "PENSTOCK_WAIT_JOB_START sets how long to wait",
    )


def _cancel(job: Job, submitted: SubmittedJob) -> Cancelled:
    """Cancel the run that this process waits for, and return the error to raise.

    Raises:
        AlreadyPushed: the run has pushed, and goes on to its end.
    """
    try:
        cancellation.revoke(job)
    except AlreadyPushed as error:
        error.run_status = "submitted"
        raise
    try:
        return Cancelled(cancellation.stop(submitted))
    except KeyboardInterrupt:  # a second one: the run is cancelled, whatever its job does
        return Cancelled()
