"""`penstock submit`, `attach` and `cancel`: a run on a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import exit_codes
from pipeline.cli.app import (
    BEAM_FLAGS,
    beam_flags,
    cli,
    debug,
    prepare_libraries,
    recipe_options,
    root_option,
    run_arguments,
    run_options,
)
from pipeline.cli.recipes import configured
from pipeline.config.commands import format_command
from pipeline.console.streams import say

if TYPE_CHECKING:
    from pipeline.config.graph import PipelineConfig
    from pipeline.console.live_view import RunView
    from pipeline.execution.cancellation import Stopped
    from pipeline.execution.result import RunResult


@cli.command(
    context_settings=BEAM_FLAGS,
    examples="""
    penstock submit digits --root /shared/penstock --runner=PortableRunner --job_endpoint=HOST:PORT
    penstock submit mnist --config cluster.toml --detach
    """,
)
@recipe_options
@run_options
@click.option("--detach", is_flag=True, help="Do not wait for the end; `penstock attach` does.")
@beam_flags
def submit(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    flags: tuple[str, ...],
    **options: Any,
) -> int:
    """Send a recipe's whole pipeline to a Beam runner, and wait for what comes of it.

    Options that are not Penstock's are Beam's own. All steps run on a worker of the runner, so
    that this machine may leave; the root must lie where workers see it by the same path. Ctrl-C
    asks whether to cancel the job or to leave it running.
    """
    from pipeline.cli.app import refuse_settings
    from pipeline.config.beam_flags import read_beam_table
    from pipeline.config.overrides import find_keys

    prepare_libraries()
    pipeline, table = configured(recipe, config_file, settings)
    refuse_settings(flags, partial(find_keys, pipeline))
    beam_args = (*read_beam_table(table), *flags)
    return submit_and_show(
        pipeline, recipe=recipe, debug=debug(), beam_args=beam_args, **run_arguments(options)
    )


@cli.command(examples="penstock attach 20261121-093000-mnist-1f2e")
@click.argument("run_id", metavar="RUN")
@root_option
def attach(run_id: str, root: Path) -> int:
    """Look after a submitted RUN: enter what its workers did in the ledger, wait for its end.

    The exit code is that of the run, as `penstock run` would have given it.
    """
    prepare_libraries()
    return attach_and_show(root, run_id, debug=debug())


@cli.command(examples="penstock cancel 20261121-093000-mnist-1f2e")
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the job may take to stop.",
)
def cancel(run_id: str, root: Path, wait: float) -> int:
    """Cancel a submitted RUN: it will push nothing, and its job is asked to stop.

    What its steps had made stays and will be reused. Exit code 8: the run has pushed already, and
    nothing was cancelled. 75: it is cancelled, but its job goes on, or its runner does not answer;
    the same command asks again.
    """
    prepare_libraries()
    return cancel_and_show(root, run_id, wait=wait)


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

    `options` are those of `pipeline.planning.prepare.Request`.
    """
    from components.context import Context
    from pipeline import submit
    from pipeline.planning.prepare import Request

    request = Request(root=root, beam_args=beam_args or Context.beam_args, **options)

    def follow(view: RunView) -> RunResult:
        return submit.submit(
            pipeline, request, detach=detach, watcher=view, on_interrupt=view.cancel_or_detach
        )

    return _show(follow, recipe, root, debug=debug, detached=exit_codes.DONE if detach else None)


def attach_and_show(root: Path, run_id: str, *, debug: bool) -> int:
    """Look after a submitted run until it ends. Returns the exit code."""
    from pipeline import submit

    def follow(view: RunView) -> RunResult:
        return submit.attach(root, run_id, watcher=view, on_interrupt=view.cancel_or_detach)

    return _show(follow, "RECIPE", root, debug=debug)


def cancel_and_show(root: Path, run_id: str, *, wait: float) -> int:
    """Cancel a submitted run. Returns the exit code."""
    from pipeline.execution import cancellation

    cancelled = cancellation.cancel(root, run_id, wait=wait)
    say(f"cancelled {cancelled.run_id}: nothing of it will be pushed")
    if cancelled.made:
        say(f"steps     {', '.join(cancelled.made)}: what they made stays and will be reused")
    code = _show_job(cancelled.job)
    if code:
        say(f"          or ask again: {format_command('cancel', cancelled.run_id, root=root)}")
    return code


def _show_job(job: Stopped) -> int:
    say(f"job       {job.said}, by the word of {job.by}")
    if job.over:
        return exit_codes.DONE
    say("          It may go on for a while, and holds its place on the cluster: stop it there")
    return exit_codes.ENVIRONMENT


def _show(
    follow: Callable[[RunView], RunResult],
    recipe: str,
    root: Path,
    *,
    debug: bool,
    detached: int | None = None,
) -> int:
    from pipeline import submit
    from pipeline.console.live_view import RunView
    from pipeline.console.run_summary import show_result

    started = time.perf_counter()
    view = RunView(root, debug=debug)
    try:
        with view:
            result = follow(view)
    except submit.Detached:
        say("the run goes on without this process")
        for heading, verb in (("next", "attach"), ("", "cancel")):
            say(f"{heading:<9} {format_command(verb, view.run_id, root=root)}")
        return exit_codes.INTERRUPTED if detached is None else detached
    except submit.Cancelled as cancelled:
        say("the run was cancelled; what its steps had made will be reused")
        if cancelled.job:
            _show_job(cancelled.job)
        return exit_codes.INTERRUPTED
    return show_result(result, recipe, root, time.perf_counter() - started)
