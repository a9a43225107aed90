"""Runs a schedule's pipeline once, and summarizes the run for its tick."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import ConfigError, PenstockError
from pipeline import recipes
from pipeline.config import beam_flags
from pipeline.config.graph import PipelineConfig
from pipeline.config.outside_data import find_unseen
from pipeline.schedule.schedule import Schedule
from pipeline.storage.pushes.push_right import PushRight

if TYPE_CHECKING:
    from pipeline.execution.result import RunResult

_MAX_REASONS = 3  # of a verdict


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """The result of a run.

    Attributes:
        run_id: None if the run failed before it began.
        error: why the run failed; then the other fields keep their defaults.
        verdict: passed, failed or not configured; None if no model was judged.
        pushed: whether this run, and no earlier one, pushed the model.
        summary: the pushed version, the reasons of the verdict, or what the steps did.
        report: path of the run's report.
    """

    run_id: str | None
    error: PenstockError | None = None
    exit_code: int = 0
    verdict: str | None = None
    pushed: bool = False
    summary: str = ""
    report: str | None = None


def build_pipeline(schedule: Schedule) -> tuple[PipelineConfig, tuple[str, ...]]:
    """Build a schedule's pipeline and its Beam flags; changes to the schedule's folder.

    Raises:
        ConfigError: the folder or the recipe is missing, or a setting does not fit it.
    """
    _enter_folder(schedule)
    file = Path(schedule.config_file) if schedule.config_file else None
    pipeline, table = recipes.configure(schedule.recipe, file, schedule.settings)
    return pipeline, (*beam_flags.read_beam_table(table), *schedule.beam_args)


def _enter_folder(schedule: Schedule) -> None:
    """Change to the folder to which relative paths of the recipe and its settings refer."""
    try:
        os.chdir(schedule.folder or ".")
    except OSError as error:
        raise ConfigError(
            f"the working folder {schedule.folder} of schedule {schedule.name!r} cannot be entered",
            got=error.strerror,
            remedy="restore the folder, or add the schedule again from another one",
        ) from error


def run_pipeline(
    pipeline: PipelineConfig,
    root: Path,
    schedule: Schedule,
    beam_args: tuple[str, ...],
    clock: Callable[[], float],
    right: PushRight,
) -> PipelineRun:
    """Run the pipeline as `penstock run` does, and print its result.

    A step whose data cannot be checked for changes is not cached. The run pushes only while no
    later run has taken the schedule's `right` to push.

    Errors of the run are returned in the result; KeyboardInterrupt and bugs are raised.
    """
    from components.context import Context
    from pipeline.console.live_view import RunView
    from pipeline.console.run_summary import show_result
    from pipeline.inspection.report_and_pictures import write_report_and_pictures
    from pipeline.run import run

    started = time.perf_counter()
    view = RunView(root)
    try:
        with view:
            result = run(
                pipeline,
                root=root,
                serving_dir=Path(schedule.serving) if schedule.serving else None,
                force=[step.name for step in pipeline.steps if find_unseen(step)],
                beam_args=beam_args or Context.beam_args,
                shared_filesystem=schedule.shared_filesystem,
                on_event=view.emit,
                progress=False,
                under=right,
                now=clock(),
            )
            drawn = write_report_and_pictures(result)
    except PenstockError as error:
        return PipelineRun(run_id=view.run_id or None, error=error)
    code = show_result(result, drawn, schedule.recipe, root, time.perf_counter() - started)
    pushed, summary = _summarize(result)
    return PipelineRun(
        run_id=result.run.id,
        exit_code=code,
        verdict=result.verdict.status if result.verdict else None,
        pushed=pushed,
        summary=summary,
        report=str(drawn.report) if drawn.report else None,
    )


def _summarize(result: RunResult) -> tuple[bool, str]:
    """Return whether this run pushed, and in a line what came of it."""
    from data.files.documents import read_document

    verdict, push = result.verdict, result.push
    completed = {e.step for e in result.executions if e.status == "completed"}
    if push and push.pushed and completed & result.steps_of(push):
        return True, f"version {push.version}"
    if verdict and verdict.status != "passed" and not result.by_hand:
        reasons = read_document(verdict.path / "verdict.json").get("reasons", [])
        return False, "; ".join(reasons[:_MAX_REASONS]) or verdict.status
    cached = len(result.executions) - len(completed)
    return False, f"{len(completed)} steps completed, {cached} cached"
