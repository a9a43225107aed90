"""Run a recipe, and look at what recipes there are and what they set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.frame import (
    BEAM_FLAGS,
    beam_flags,
    cli,
    debug,
    quieten_libraries,
    recipe_options,
    root_option,
    run_options,
)

if TYPE_CHECKING:
    from pipeline.graph import PipelineConfig


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
    from pipeline.beam_flags import from_table, refuse_strangers
    from pipeline.interrupt import promptly
    from pipeline.run_command import run_and_show

    quieten_libraries()
    if not beam:
        refuse_strangers(flags, _own_options())
    with promptly():
        pipeline, table = configured(recipe, config_file, settings)
        beam_args = (*from_table(table), *flags)
        return run_and_show(
            pipeline, recipe=recipe, debug=debug(), beam_args=beam_args, **_named(options)
        )


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
    from pipeline.beam_flags import from_table
    from pipeline.submit_command import submit_and_show

    quieten_libraries()
    pipeline, table = configured(recipe, config_file, settings)
    beam_args = (*from_table(table), *flags)
    return submit_and_show(
        pipeline, recipe=recipe, debug=debug(), beam_args=beam_args, **_named(options)
    )


@cli.command(examples="penstock attach 20261121-093000-mnist-1f2e")
@click.argument("run_id", metavar="RUN")
@root_option
def attach(run_id: str, root: Path) -> int:
    """Look after a submitted RUN: enter what its workers did in the ledger, wait for its end.

    The exit code is that of the run, as `penstock run` would have given it.
    """
    from pipeline.submit_command import attach_and_show

    quieten_libraries()
    return attach_and_show(root, run_id, debug=debug())


@cli.command(examples="penstock cancel 20261121-093000-mnist-1f2e")
@click.argument("run_id", metavar="RUN")
@root_option
def cancel(run_id: str, root: Path) -> None:
    """Cancel the job of a submitted RUN; what its steps had made stays."""
    from pipeline.submit_command import cancel_and_show

    quieten_libraries()
    cancel_and_show(root, run_id)


@cli.command(examples="penstock recipes")
def recipes() -> None:
    """List the recipes, with expected accuracy and time."""
    import inspect

    from pipeline import recipes as known

    names = known.names()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:<{width}}  {(inspect.getdoc(known.find(name)) or '').splitlines()[0]}")


@cli.command(examples="penstock config mnist --set train.epochs=3 > mine.toml")
@recipe_options
def config(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> None:
    """Print the whole config of RECIPE as it would run, as TOML that --config reads."""
    from pipeline.config import to_toml
    from pipeline.graph import check

    pipeline, table = configured(recipe, config_file, settings)
    check(pipeline)
    click.echo(to_toml(pipeline, table), nl=False)


def configured(
    recipe: str, config_file: Path | None, settings: tuple[str, ...]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """The pipeline, and the config file's table of Beam's flags."""
    from pipeline import recipes

    if recipe.startswith("-"):
        raise click.UsageError(f"the recipe comes before Beam's flags, not {recipe}")
    return recipes.configured(recipe, config_file, settings)


def _named(options: dict[str, Any]) -> dict[str, Any]:
    """The options by the names that `pipeline.run.run` gives them."""
    return {"serving_dir" if name == "serving" else name: v for name, v in options.items()}


def _own_options() -> list[str]:
    command = click.get_current_context().command
    return [name for param in command.params for name in param.opts if name.startswith("--")]
