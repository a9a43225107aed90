"""One run of a schedule's pipeline, and what a tick needs to know of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data.errors import ConfigError, PenstockError
from pipeline import recipes
from pipeline.config import beam_flags
from pipeline.config.graph import PipelineConfig
from pipeline.config.outside_data import find_unseen
from pipeline.schedule.schedule import Schedule
from pipeline.storage.pushes.push_right import PushRight

_REASONS = 3  # of a verdict, in words


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of a run.

    Attributes:
        run_id: None where it ended before it was one.
        error: why it could not go on; then all that follows is as it stands.
        verdict: passed, failed or not configured; None where nothing was judged.
        pushed: this very run has pushed its model.
        words: what came out, or why not.
        report: path of the run's page.
    """

    run_id: str | None
    error: PenstockError | None = None
    exit_code: int = 0
    verdict: str | None = None
    pushed: bool = False
    words: str = ""
    report: str | None = None


def built(schedule: Schedule) -> tuple[PipelineConfig, tuple[str, ...]]:
    """The schedule's pipeline, and Beam's flags; from now on this process works in its folder.

    Raises:
        ConfigError: the folder or the recipe is gone, or what is set does not fit it.
    """
    _enter_folder(schedule)
    file = Path(schedule.config_file) if schedule.config_file else None
    pipeline, table = recipes.configure(schedule.recipe, file, schedule.settings)
    return pipeline, (*beam_flags.read_beam_table(table), *schedule.beam_args)


def _enter_folder(schedule: Schedule) -> None:
    """Relative paths of the recipe and its settings count from where the schedule was added."""
    try:
        os.chdir(schedule.folder or ".")
    except OSError as error:
        raise ConfigError(
            f"the folder {schedule.folder}, in which {schedule.name!r} works, cannot be entered",
            got=error.strerror,
            remedy="bring it back, or add the schedule again from another",
        ) from error


def attempt(
    pipeline: PipelineConfig,
    root: Path,
    schedule: Schedule,
    beam_args: tuple[str, ...],
    clock: Callable[[], float],
    right: PushRight,
) -> Attempt:
    """Run the pipeline as `penstock run` would, and print what it came to.

    A step whose data nobody can look at is made again, for it may have changed. The run
    pushes only while nobody has taken the schedule's `right` over.

    Errors of the run come back in the answer; KeyboardInterrupt and bugs are raised.
    """
    from components.context import Context
    from data.files.documents import read_document
    from pipeline.console.live_view import RunView
    from pipeline.console.run_summary import show_result
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
                watcher=view,
                under=right,
                now=clock(),
            )
    except PenstockError as error:
        return Attempt(run_id=view.run_id or None, error=error)
    code = show_result(result, schedule.recipe, root, time.perf_counter() - started)
    verdict, push = result.verdict, result.push
    reasons = read_document(verdict.path / "verdict.json").get("reasons", []) if verdict else []
    made = {e.step for e in result.executions if e.status == "made"}
    pushed = push is not None and push.pushed and bool(made & result.steps_of(push))
    if push and pushed:
        words = f"version {push.version}"
    elif verdict and verdict.status != "passed" and not result.by_hand:
        words = "; ".join(reasons[:_REASONS]) or verdict.status
    else:
        words = f"{len(made)} steps made, {len(result.executions) - len(made)} reused"
    return Attempt(
        run_id=result.run.id,
        exit_code=code,
        verdict=verdict.status if verdict else None,
        pushed=pushed,
        words=words,
        report=str(result.report) if result.report else None,
    )
