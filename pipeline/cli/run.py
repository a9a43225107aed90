"""`penstock run`: run a recipe, show it live, print what it came to."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.app import (
    BEAM_FLAGS,
    beam_flags,
    cli,
    debug,
    prepare_libraries,
    recipe_options,
    run_arguments,
    run_options,
)
from pipeline.cli.recipes import configured

if TYPE_CHECKING:
    from pipeline.config.graph import PipelineConfig


@cli.command(
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
    help="Who walks the graph: this process, or a Beam pipeline in it.",
)
@click.option(
    "--beam",
    is_flag=True,
    help="Options that are not Penstock's are Beam's: where the data-parallel steps run.",
)
@beam_flags
def run(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    beam: bool,
    flags: tuple[str, ...],
    **options: Any,
) -> int:
    """Run a recipe's pipeline; what was made before is reused.

    RECIPE is a name (see `penstock recipes`), a file and function (./mine.py:recipe), or an import
    path (package.module:recipe). The exit code is 0 only if all that was asked for is done and no
    verdict is against it; docs/exit-codes.md has the table.
    """
    from pipeline.cli.app import refuse_settings, refuse_strangers
    from pipeline.config.beam_flags import read_beam_table
    from pipeline.config.overrides import find_keys
    from pipeline.console.interrupt import promptly

    prepare_libraries()
    with promptly():
        pipeline, table = configured(recipe, config_file, settings)
        named = partial(find_keys, pipeline)
        if beam:
            refuse_settings(flags, named)
        else:
            refuse_strangers(flags, _own_options(), named)
        beam_args = (*read_beam_table(table), *flags)
        return run_and_show(
            pipeline, recipe=recipe, debug=debug(), beam_args=beam_args, **run_arguments(options)
        )


def _own_options() -> list[str]:
    command = click.get_current_context().command
    return [name for param in command.params for name in param.opts if name.startswith("--")]


def run_and_show(
    pipeline: PipelineConfig,
    *,
    recipe: str,
    root: Path,
    beam_args: tuple[str, ...],
    debug: bool,
    **options: Any,
) -> int:
    """Run, show it live, print what it came to. Returns the exit code.

    `options` are those of `pipeline.run.run`.
    """
    from components.context import Context
    from pipeline.console.live_view import RunView
    from pipeline.console.run_summary import show_result
    from pipeline.run import run

    started = time.perf_counter()
    beam_args = beam_args or Context.beam_args
    with RunView(root, debug=debug) as view:
        result = run(pipeline, root=root, beam_args=beam_args, watcher=view, **options)
    return show_result(result, recipe, root, time.perf_counter() - started)
