"""Run the steps of a plan as a Beam pipeline with one transform for each step.

Beam's local runner runs it in this process; `pipeline.submit` sends the same pipeline to a cluster.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Collection, Iterator, Sequence

import apache_beam as beam

from components.beam.run_pipeline import run_pipeline
from components.context import Context
from data.code.worker_code import SameCodeDoFn, install_user_modules
from data.errors import EnvironmentTrouble, PenstockError, serialize_error
from pipeline.environment.library_settings import pin_libraries, refuse_other_variables
from pipeline.execution.beam_job import Job, collect_done
from pipeline.execution.events import AttemptFailed
from pipeline.execution.run_step import ActiveRun, run_next
from pipeline.execution.worker_events import WorkerEvents, WorkerEventsReader, forward_events
from pipeline.planning.plan import PlannedStep, ReadySteps
from pipeline.storage.run_folder import write_traceback


class RunStep(SameCodeDoFn):
    """Runs one step of a job: takes the job as text and yields it with a new attempt.

    The runner may repeat the step. Each attempt takes over the right to push from those before;
    see `storage.pushes.push_right`.
    """

    def __init__(self, step: str) -> None:
        self._step = step

    def process(self, text: str) -> Iterator[str]:
        job = Job.from_text(text)
        _check_root(job)
        install_user_modules(job.code, job.code_folder)
        emit = WorkerEvents(job.folder).emit
        try:
            right = job.push_right.claim()
            plan, index = job.plan(), job.index(self._step)
            pin_libraries()
            refuse_other_variables(plan[index].parts["environment"], platform.node())
            done = collect_done(plan[:index], job.root)
            run = ActiveRun(id=job.run_id, workspace=job.workspace, push_right=right, emit=emit)
            run_next(plan, index, done, run)
        except PenstockError as error:
            emit(AttemptFailed(error=serialize_error(error)))
            raise RuntimeError(serialize_error(error)) from error
        except Exception as error:  # a crash: the runner keeps a part of its traceback, if any
            write_traceback(job.folder, error)
            raise
        yield dataclasses.replace(job, attempt=right.attempt).to_text()


def _check_root(job: Job) -> None:
    """Check that this worker sees the folder that the submitting process made."""
    if not job.folder.is_dir():
        error = EnvironmentTrouble(
            f"a worker does not see the root {job.root}",
            expected=f"the run's folder {job.folder} on {platform.node()}",
            got="no such folder",
            follows="no step ran",
            remedy="choose a --root on a file system that all workers mount at the same path",
        )
        raise RuntimeError(serialize_error(error))


def chain_steps(job: Job) -> Callable[[beam.Pipeline], None]:
    """Return a function that adds a transform for each chosen step of the job to a Beam pipeline.

    The runner fuses them into one stage, on one worker.
    """

    def build(pipeline: beam.Pipeline) -> None:
        element = pipeline | "Job" >> beam.Create([job.to_text()])
        for step in job.chosen:
            element = element | step >> beam.ParDo(RunStep(step))

    return build


def run_plan(plan: Sequence[PlannedStep], chosen: Collection[str], run: ActiveRun) -> ReadySteps:
    """Run the steps as `local.run_plan` does, in a Beam pipeline.

    Raises:
        PenstockError: a step cannot go on; those before it are completed.
    """
    workspace = run.workspace
    job = Job.of(plan, chosen, workspace, run_id=run.id, attempt=run.push_right.attempt)
    with forward_events(WorkerEventsReader(job.folder, run.emit)):
        run_pipeline(chain_steps(job), Context(output_dir=job.folder))
    return collect_done(plan, workspace.root)
