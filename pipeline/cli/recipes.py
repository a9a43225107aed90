"""`penstock recipes` and `config`: the recipes there are, and what they set."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import click

from data.base.visible_text import escape_toml
from pipeline import recipes as all_recipes
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import json_option, print_json, recipe_options
from pipeline.config.config_toml import to_toml
from pipeline.config.early_checks import check_whole
from pipeline.config.graph import PipelineConfig
from pipeline.console.listing import Column, print_listing


@click.command(cls=Command, examples="penstock recipes")
@json_option
def recipes(as_json: bool) -> None:
    """List the recipes, with expected accuracy and time."""
    listed = {
        name: (inspect.getdoc(all_recipes.find(name)) or "").splitlines()[0]
        for name in all_recipes.list_recipes()
    }
    if as_json:
        print_json([{"recipe": name, "description": text} for name, text in listed.items()])
    else:
        print_listing([Column(""), Column("", fold=24)], listed.items())


@click.command(cls=Command, examples="penstock config mnist --set train.epochs=3 > mine.toml")
@recipe_options
def config(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> None:
    """Print the whole config of RECIPE as TOML that --config reads."""
    pipeline, table = configured(recipe, config_file, settings)
    check_whole(pipeline)
    print(escape_toml(to_toml(pipeline, all_recipes.build(recipe), table)), end="")


def configured(
    recipe: str, config_file: Path | None, settings: tuple[str, ...]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """Return the pipeline of a recipe, and the table of Beam's flags in the config file.

    Raises:
        click.UsageError: a flag stands where the recipe should.
        ConfigError: no such recipe, or a value that does not fit it.
    """
    if recipe.startswith("-"):
        flag = recipe.partition("=")[0]
        raise click.UsageError(f"expected a recipe before Beam's flags, got {flag}")
    return all_recipes.configure(recipe, config_file, settings)
