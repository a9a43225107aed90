"""`penstock run`: run a recipe, show the progress, print the result."""

from __future__ import annotations

import time
from pathlib import Path

import click

from components.context import Context
from pipeline.cli.flags import check_flags
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import BEAM_FLAGS, beam_flags, debug, recipe_options, run_options
from pipeline.cli.recipes import configured
from pipeline.config.beam_flags import read_beam_table
from pipeline.console.interrupt import promptly
from pipeline.console.live_view import RunView
from pipeline.console.run_summary import show_result
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.run import Orchestrator
from pipeline.run import run as run_pipeline


@click.command(
    cls=Command,
    context_settings=BEAM_FLAGS,
    examples="""
    penstock run digits
    penstock run mnist --set ingest.source=idx --set ingest.path=DIR
    penstock run ./mine.py:recipe --root /srv/penstock
    penstock run digits --set train.epochs=5 --until evaluate
    penstock run mnist --orchestrator beam
    penstock run mnist --beam --runner=FlinkRunner --flink_master=HOST:PORT
    """,
)
@recipe_options
@run_options
@click.option(
    "--orchestrator",
    type=click.Choice(["local", "beam"]),
    default="local",
    show_default=True,
    help="What executes the steps: this process, or a Beam pipeline in it.",
)
@click.option(
    "--beam",
    is_flag=True,
    help="Pass unknown options to Beam; they choose where the data-parallel steps run.",
)
@beam_flags
def run(
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
    orchestrator: Orchestrator,
    beam: bool,
    flags: tuple[str, ...],
) -> int:
    """Run the pipeline of RECIPE. Steps whose result is cached do not run again.

    RECIPE is a name (see `penstock recipes`), a file and a function (./mine.py:recipe), or an
    import path (package.module:recipe).

    The exit code is 0 if all steps completed and no verdict is against the model. All exit codes
    are listed in docs/reference/exit-codes.md.
    """
    with promptly():
        started = time.perf_counter()
        pipeline, table = configured(recipe, config_file, settings)
        check_flags(flags, pipeline, beam=beam)
        with RunView(root, debug=debug()) as view:
            result = run_pipeline(
                pipeline,
                root=root,
                serving_dir=serving,
                only=only,
                first=first,
                last=last,
                force=force,
                orchestrator=orchestrator,
                beam_args=(*read_beam_table(table), *flags) or Context.beam_args,
                shared_filesystem=shared_filesystem,
                on_event=view.emit,
                progress=False,
            )
            drawn = write_report_and_pictures(result)
        return show_result(result, drawn, recipe, root, time.perf_counter() - started)
