"""`penstock submit`, `attach` and `cancel`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.context import Context
from pipeline import exit_codes, submit
from pipeline.console import RunView
from pipeline.graph import PipelineConfig
from pipeline.prepare import Request
from pipeline.result import RunResult
from pipeline.run_command import show_result


def submit_and_show(
    pipeline: PipelineConfig,
    *,
    recipe: str,
    root: Path,
    beam_args: tuple[str, ...],
    detach: bool,
    debug: bool,
    **options: Any,
) -> int:
    """Submit, show it live, print what it came to. Returns the exit code.

    `options` are those of `pipeline.prepare.Request`.
    """
    request = Request(root=root, beam_args=beam_args or Context.beam_args, **options)

    def follow(view: RunView) -> RunResult:
        return submit.submit(
            pipeline, request, detach=detach, watcher=view, on_interrupt=view.cancel_or_detach
        )

    return _show(follow, recipe, root, debug=debug, detached=exit_codes.DONE if detach else None)


def attach_and_show(root: Path, run_id: str, *, debug: bool) -> int:
    """Look after a submitted run until it ends. Returns the exit code."""

    def follow(view: RunView) -> RunResult:
        return submit.attach(root, run_id, watcher=view, on_interrupt=view.cancel_or_detach)

    return _show(follow, "RECIPE", root, debug=debug)


def cancel_and_show(root: Path, run_id: str) -> None:
    """Cancel a submitted run's job."""
    cancelled = submit.cancel(root, run_id)
    print(f"cancelled {cancelled}; what its steps had made stays and will be reused")


def _show(
    follow: Callable[[RunView], RunResult],
    recipe: str,
    root: Path,
    *,
    debug: bool,
    detached: int | None = None,
) -> int:
    started = time.perf_counter()
    view = RunView(root, debug=debug)
    try:
        with view:
            result = follow(view)
    except submit.Detached:
        at = "" if root == Path(".penstock") else f" --root {root}"
        print(f"the run goes on without this process\nnext      penstock attach {view.run_id}{at}")
        print(f"          penstock cancel {view.run_id}{at}")
        return exit_codes.INTERRUPTED if detached is None else detached
    except submit.Cancelled:
        print("the job was cancelled; what its steps had made will be reused")
        return exit_codes.INTERRUPTED
    return show_result(result, recipe, root, time.perf_counter() - started)
