"""`penstock submit`, `attach` and `cancel`: a run on a cluster.

What imports Beam is imported when a command runs, so that `--help` does not wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.context import Context
from pipeline import exit_codes
from pipeline.cli.flags import check_flags
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import (
    BEAM_FLAGS,
    beam_flags,
    debug,
    recipe_options,
    root_option,
    run_argument,
    run_options,
)
from pipeline.cli.recipes import configured
from pipeline.config.beam_flags import read_beam_table
from pipeline.config.commands import format_command
from pipeline.console.live_view import RunView
from pipeline.console.run_summary import show_result
from pipeline.console.streams import say
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.planning.prepare import Request

if TYPE_CHECKING:
    from pipeline.execution.cancellation import StopReport
    from pipeline.execution.result import RunResult


@click.command(
    cls=Command,
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
    root: Path,
    serving: Path | None,
    only: str | None,
    first: str | None,
    last: str | None,
    force: tuple[str, ...],
    shared_filesystem: bool,
    detach: bool,
    flags: tuple[str, ...],
) -> int:
    """Run the whole pipeline of RECIPE on a Beam runner, and wait for the result.

    Options that are not Penstock's are passed to Beam. Every step runs on a worker of the runner,
    so this machine may be switched off. The root must be a folder that the workers see under the
    same path. Ctrl-C asks whether to cancel the job or to leave it running.
    """
    from pipeline.submit import submit as submit_pipeline

    pipeline, table = configured(recipe, config_file, settings)
    check_flags(flags, pipeline, beam=True)
    request = Request(
        root=root,
        serving_dir=serving,
        only=only,
        first=first,
        last=last,
        force=force,
        beam_args=(*read_beam_table(table), *flags) or Context.beam_args,
        shared_filesystem=shared_filesystem,
    )

    def follow(view: RunView) -> RunResult:
        return submit_pipeline(
            pipeline, request, detach=detach, on_event=view.emit, on_interrupt=view.cancel_or_detach
        )

    return _follow_and_show(follow, recipe, root, asked_to_detach=detach)


@click.command(cls=Command, examples="penstock attach 20261121-093000-mnist-1f2e")
@run_argument
@root_option
def attach(run_id: str, root: Path) -> int:
    """Follow a submitted RUN: record in the ledger what its workers did, and wait for its end.

    The exit code is the one that `penstock run` would have returned.
    """
    from pipeline.submit import attach as attach_run

    def follow(view: RunView) -> RunResult:
        return attach_run(root, run_id, on_event=view.emit, on_interrupt=view.cancel_or_detach)

    return _follow_and_show(follow, "RECIPE", root, asked_to_detach=False)


@click.command(cls=Command, examples="penstock cancel 20261121-093000-mnist-1f2e")
@run_argument
@root_option
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the job to stop.",
)
def cancel(run_id: str, root: Path, wait: float) -> int:
    """Cancel a submitted RUN: it pushes nothing, and its job is asked to stop.

    Results of completed steps stay cached. Exit code 8: the run has already pushed, and nothing
    was cancelled. Exit code 75: the run is cancelled, but its job is still running or the runner
    does not answer; run the same command again to ask again.
    """
    from pipeline.execution.cancellation import cancel as cancel_run

    cancelled = cancel_run(root, run_id, wait=wait)
    say(f"cancelled {cancelled.run_id}: it will push nothing")
    if cancelled.completed:
        say(f"steps     {', '.join(cancelled.completed)}: their results stay cached")
    code = _show_job(cancelled.job)
    if code:
        say(f"          or ask again: {format_command('cancel', cancelled.run_id, root=root)}")
    return code


def _show_job(job: StopReport) -> int:
    say(f"job       {job.answer}, according to {job.source}")
    if job.over:
        return exit_codes.DONE
    say("          it may still run and occupy the cluster: stop it there")
    return exit_codes.ENVIRONMENT


def _follow_and_show(
    follow: Callable[[RunView], RunResult], recipe: str, root: Path, *, asked_to_detach: bool
) -> int:
    """Show a submitted run until it ends or is left. Returns the exit code."""
    from pipeline.submit import Cancelled, Detached

    started = time.perf_counter()
    view = RunView(root, debug=debug())
    try:
        with view:
            result = follow(view)
            drawn = write_report_and_pictures(result)
    except Detached:
        say("the run continues on the cluster")
        for heading, verb in (("next", "attach"), ("", "cancel")):
            say(f"{heading:<9} {format_command(verb, view.run_id, root=root)}")
        return exit_codes.DONE if asked_to_detach else exit_codes.INTERRUPTED
    except Cancelled as cancelled:
        say("the run was cancelled; results of completed steps stay cached")
        if cancelled.job:
            _show_job(cancelled.job)
        return exit_codes.INTERRUPTED
    return show_result(result, drawn, recipe, root, time.perf_counter() - started)
