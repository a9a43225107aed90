"""Run a pipeline: plan, let an orchestrator walk the plan, and record what comes of it."""

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
from pipeline.execution.result import RunResult, conclude, illustrated
from pipeline.execution.run_record import RunRecord, new_run
from pipeline.execution.watcher import Watcher
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
    watcher: Watcher | None = None,
    under: PushRight | None = None,
    now: float | None = None,
) -> RunResult:
    """Run the pipeline, or some steps of it, and reuse whatever was made before.

    Args:
        pipeline: what a recipe returns.
        root: the folder for everything that a run writes; made if it is missing.
        serving_dir: where models are pushed; `<root>/serving` if None.
        only, first, last: which steps; all if None. Steps before them must have been made.
        force: steps to run although they were made; what depends on them runs again too.
        orchestrator: who walks the graph: this process, or a Beam pipeline in it.
        beam_args: Beam's own flags; they name the runner of the data-parallel steps.
        shared_filesystem: workers on other machines see this machine's files by the same paths.
        watcher: who is told what happens.
        under: a right to push that the run needs besides its own, such as its schedule's.
        now: seconds since the epoch, by which `ingest.quiet_minutes` counts; the clock's if None.

    Returns:
        The run as the ledger holds it, with its exit code, and every step's outputs.

    Raises:
        RightLost: the run was taken for dead, or another has taken its schedule's place.
        PenstockError: the config does not hold together, the data is bad, a step failed. The run
            is in the ledger all the same, and the next one goes on from the last whole step.
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
    pin_libraries()
    prepare.check(pipeline, request)
    prepare_root(root)
    with Ledger(root) as ledger:
        prepared = prepare.prepare(pipeline, request, ledger)
        run = new_run(prepared.pipeline)
        record = RunRecord(root.resolve(), run, ledger, watcher or Watcher(), under=under)
        with _connected(prepared) as workspace, record:
            workspace = dataclasses.replace(workspace, push_right=record.right)
            record.planned(prepared.chosen_plan)
            # an orchestrator that is not asked for is not imported: one of them imports Beam
            walk = importlib.import_module(f"pipeline.execution.{orchestrator}").walk
            done = walk(prepared.plan, prepared.chosen, workspace, record)
            result = conclude(record, done, workspace)
        result = dataclasses.replace(result, unseen=prepared.unseen)
        return illustrated(result, root.resolve(), ledger)


@contextlib.contextmanager
def _connected(prepared: Prepared) -> Iterator[Workspace]:
    """The workspace with flags that are checked, and lead to a job server where they name one."""
    workspace = prepared.workspace
    if workspace.beam_args == Context.beam_args or not prepared.to_do:
        yield workspace
        return
    from components.beam.job_server import connected
    from components.beam.shared_filesystem import refuse_hidden

    refuse_hidden(make_context(workspace, workspace.root))
    with connected(workspace.beam_args) as beam_args:
        yield dataclasses.replace(workspace, beam_args=beam_args)
