"""The Beam orchestrator: the plan as a Beam pipeline, each step one element of one DoFn.

In this process it is run by Beam's local runner; `pipeline.submit` sends the same to a cluster.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Collection, Iterator, Sequence

import apache_beam as beam

from components.beam.run_pipeline import run_pipeline
from components.context import Context
from data.code.worker_code import SameCodeDoFn, installed
from data.errors import EnvironmentTrouble, PenstockError
from pipeline.environment.library_settings import pin_libraries, refuse_other_variables
from pipeline.execution.beam_job import Job, done_before
from pipeline.execution.journal import Journal, JournalReader, passed_on
from pipeline.execution.run_record import RunRecord
from pipeline.execution.run_step import run_next
from pipeline.planning.plan import PlannedStep, ReadySteps, Workspace
from pipeline.storage.run_folder import write_traceback


class RunStep(SameCodeDoFn):
    """A job's text → the same, with one more of its steps done; the runner may try it again.

    Each try has the right to push in the place of those before; see `storage.pushes.push_right`.
    """

    def __init__(self, step: str) -> None:
        self._step = step

    def process(self, text: str) -> Iterator[str]:
        job = Job.from_text(text)
        _check_root(job)
        installed(job.code, job.code_folder)
        journal = Journal(job.folder, job.run_id)
        try:
            right = job.push_right.claim()
            plan, place = job.plan(), job.place(self._step)
            pin_libraries()
            refuse_other_variables(plan[place].parts["environment"], platform.node())
            done = done_before(plan, place, job.root)
            workspace = dataclasses.replace(job.workspace(), push_right=right)
            run_next(plan, place, done, workspace, journal)
        except PenstockError as error:
            journal.failed(error)
            raise RuntimeError(error.marked()) from error
        except Exception as error:  # a crash: the runner keeps a part of its traceback, if any
            write_traceback(job.folder, error)
            raise
        yield dataclasses.replace(job, attempt=right.attempt).to_text()


def _check_root(job: Job) -> None:
    """Whether this worker sees what the submitting side wrote."""
    if not job.folder.is_dir():
        trouble = EnvironmentTrouble(
            f"a worker does not see the root {job.root}",
            expected=f"on {platform.node()}, the folder {job.folder}, which the run has begun",
            got="no such folder",
            follows="no step ran",
            remedy="choose a --root on a file system that all workers mount at the same path",
        )
        raise RuntimeError(trouble.marked())


def chain(job: Job) -> Callable[[beam.Pipeline], None]:
    """What fills a Beam pipeline with the job: one transform for each step that is to run.

    The runner fuses them into one stage, on one worker.
    """

    def build(pipeline: beam.Pipeline) -> None:
        element = pipeline | "Job" >> beam.Create([job.to_text()])
        for step in job.chosen:
            element = element | step >> beam.ParDo(RunStep(step))

    return build


def walk(
    plan: Sequence[PlannedStep], chosen: Collection[str], workspace: Workspace, log: RunRecord
) -> ReadySteps:
    """As `local.walk`: the same steps, by the same `run_step`, in a Beam pipeline.

    Raises:
        PenstockError: a step cannot go on; those before it are made.
    """
    job = Job.of(
        plan,
        chosen,
        workspace,
        run_id=log.run_id,
        right=log.right,
        beam_args=workspace.beam_args,
    )
    with passed_on(JournalReader(job.folder, log)):
        run_pipeline(chain(job), Context(output_dir=job.folder))
    return done_before(plan, len(plan), workspace.root)
