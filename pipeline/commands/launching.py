"""Run a recipe, and look at what recipes there are and what they set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.frame import cli, debug, quieten_libraries, recipe_options, root_option

if TYPE_CHECKING:
    from pipeline.graph import PipelineConfig


@cli.command(
    examples="""
    penstock run digits
    penstock run mnist --set ingest.source=idx --set ingest.path=DIR
    penstock run ./mine.py:recipe --root /srv/penstock
    penstock run digits --set train.epochs=5 --until evaluate
    """
)
@recipe_options
@root_option
@click.option(
    "--serving",
    type=click.Path(path_type=Path),
    help="Where models are pushed: SERVING/<model>/<version>.  [default: ROOT/serving]",
)
@click.option("--only", metavar="STEP", help="Run this step alone.")
@click.option("--from", "first", metavar="STEP", help="Begin with this step.")
@click.option("--until", "last", metavar="STEP", help="End after this step.")
@click.option(
    "--force", multiple=True, metavar="STEP", help="Run this step although it was made; repeatable."
)
def run(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    root: Path,
    serving: Path | None,
    **steps: Any,
) -> int:
    """Run a recipe's pipeline; what was made before is reused.

    RECIPE is a name (see `penstock recipes`), a file and function (./mine.py:recipe), or an import
    path (package.module:recipe). The exit code is 0 only if all that was asked for is done and no
    verdict is against it; docs/exit-codes.md has the table.
    """
    from pipeline.interrupt import promptly
    from pipeline.run_command import run_and_show

    quieten_libraries()
    with promptly():
        pipeline = _configured(recipe, config_file, settings)
        return run_and_show(
            pipeline, recipe=recipe, root=root, serving_dir=serving, debug=debug(), **steps
        )


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

    pipeline = _configured(recipe, config_file, settings)
    check(pipeline)
    click.echo(to_toml(pipeline), nl=False)


def _configured(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> PipelineConfig:
    from pipeline import config as configs
    from pipeline import recipes as known

    pipeline = known.build(recipe)
    if config_file:
        pipeline = configs.apply(pipeline, configs.read_toml(config_file))
    return configs.apply_settings(pipeline, settings)
