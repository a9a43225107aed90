"""`penstock recipes` and `config`: what recipes there are, and what they set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.base.visible_text import visible_toml
from pipeline.cli.app import cli, recipe_options
from pipeline.console.streams import say

if TYPE_CHECKING:
    from pipeline.config.graph import PipelineConfig


@cli.command(examples="penstock recipes")
def recipes() -> None:
    """List the recipes, with expected accuracy and time."""
    import inspect

    from pipeline import recipes as known

    names = known.list_recipes()
    width = max(map(len, names))
    for name in names:
        say(f"{name:<{width}}  {(inspect.getdoc(known.find(name)) or '').splitlines()[0]}")


@cli.command(examples="penstock config mnist --set train.epochs=3 > mine.toml")
@recipe_options
def config(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> None:
    """Print the whole config of RECIPE as it would run, as TOML that --config reads."""
    from pipeline import recipes
    from pipeline.config.config_toml import to_toml
    from pipeline.config.early_checks import check_whole

    pipeline, table = configured(recipe, config_file, settings)
    check_whole(pipeline)
    print(visible_toml(to_toml(pipeline, recipes.build(recipe), table)), end="")


def configured(
    recipe: str, config_file: Path | None, settings: tuple[str, ...]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """The pipeline, and the config file's table of Beam's flags."""
    from pipeline import recipes

    if recipe.startswith("-"):
        stranger = recipe.partition("=")[0]
        raise click.UsageError(f"the recipe comes before Beam's flags, not {stranger}")
    return recipes.configure(recipe, config_file, settings)
