"""Run a pipeline: plan its steps, run those that are not cached, and record the run."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from components.context import Context
from pipeline.config.graph import PipelineConfig
from pipeline.environment.library_settings import pin_libraries
from pipeline.execution.events import Emit, RunPlanned, ignore
from pipeline.execution.progress import with_progress
from pipeline.execution.result import RunResult, conclude
from pipeline.execution.run_record import RunRecord, make_run
from pipeline.execution.run_step import ActiveRun
from pipeline.planning import prepare
from pipeline.planning.plan import Workspace, make_context
from pipeline.planning.prepare import Prepared, Request
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.push_right import PushRight
from pipeline.storage.run_folder import prepare_root

Orchestrator = Literal["local", "beam"]


def run(
    pipeline: PipelineConfig,
    *,
    root: Path,
    serving_dir: Path | None = None,
    only: str | None = None,
    first: str | None = None,
    last: str | None = None,
    force: Collection[str] = (),
    orchestrator: Orchestrator = "local",
    beam_args: tuple[str, ...] = Context.beam_args,
    shared_filesystem: bool = False,
    on_event: Emit = ignore,
    progress: bool = True,
    under: PushRight | None = None,
    now: float | None = None,
) -> RunResult:
    """Run the pipeline, or some of its steps; steps whose artifacts are cached do not run.

    Args:
        pipeline: what a recipe returns.
        root: the folder for everything that a run writes; made if it is missing.
        serving_dir: where models are pushed; `<root>/serving` if None.
        only, first, last: the steps to run; all if None. The steps before them must be cached.
        force: steps to run although they are cached; the steps that depend on them run again too.
        orchestrator: what runs the steps: this process, or a Beam pipeline in it.
        beam_args: Beam's own flags; they name the runner of the data-parallel steps.
        shared_filesystem: workers on other machines see this machine's files by the same paths.
        on_event: receives each event of the run (`pipeline.execution.events`).
        progress: show the run as it goes: lines on stderr, or a display in Jupyter.
        under: a right to push that the run needs besides its own, such as its schedule's.
        now: seconds since the epoch, for `ingest.quiet_minutes`; the clock's if None.

    Returns:
        The run as the ledger holds it, with its exit code, and every step's outputs.

    Raises:
        PushRightLost: the run counted as dead, or another run has taken over its schedule.
        PenstockError: the config is invalid, the data is bad, a step failed. The run is in the
            ledger all the same, and the next one continues after the last completed step.
    """
    request = Request(
        root=root,
        serving_dir=serving_dir,
        only=only,
        first=first,
        last=last,
        force=force,
        beam_args=beam_args,
        shared_filesystem=shared_filesystem,
        now=time.time() if now is None else now,
    )
    emit = with_progress(on_event) if progress else on_event
    return _execute(pipeline, request, orchestrator, emit, under)


def _execute(
    pipeline: PipelineConfig,
    request: Request,
    orchestrator: Orchestrator,
    on_event: Emit,
    under: PushRight | None,
) -> RunResult:
    pin_libraries()
    prepare.check(pipeline, request)
    prepare_root(request.root)
    with Ledger(request.root) as ledger:
        prepared = prepare.prepare(pipeline, request, ledger)
        started = make_run(prepared.pipeline)
        record = RunRecord(prepared.workspace.root, started, ledger, on_event, under=under)
        with _connect_job_server(prepared) as workspace, record:
            active = ActiveRun(
                id=started.id, workspace=workspace, push_right=record.right, emit=record.emit
            )
            record.emit(RunPlanned.of(started.id, prepared.chosen_plan))
            # the other orchestrator is not imported: one of them imports Beam
            module = importlib.import_module(f"pipeline.execution.{orchestrator}")
            done = module.run_plan(prepared.plan, prepared.chosen, active)
            result = conclude(record, done, workspace)
        return dataclasses.replace(result, unseen=prepared.unseen)


@contextlib.contextmanager
def _connect_job_server(prepared: Prepared) -> Iterator[Workspace]:
    """Check the Beam flags, start the job server that they ask for, and return the workspace."""
    workspace = prepared.workspace
    if workspace.beam_args == Context.beam_args or not prepared.to_do:
        yield workspace
        return
    from components.beam.job_server import connect_job_server
    from components.beam.shared_filesystem import refuse_unshared_paths

    refuse_unshared_paths(make_context(workspace, workspace.root))
    with connect_job_server(workspace.beam_args) as beam_args:
        yield dataclasses.replace(workspace, beam_args=beam_args)
