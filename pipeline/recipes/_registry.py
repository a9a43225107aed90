"""Find a recipe by name, file or import path, and configure it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data.code.import_path import load_object, make_importable
from data.code.user_object import check_call
from data.errors import ConfigError, PenstockError, suggest_names, summarize_error
from pipeline.config import beam_flags, overrides
from pipeline.config.graph import PipelineConfig

_HOME = Path(__file__).parent

Recipe = Callable[[], PipelineConfig]


def list_recipes() -> list[str]:
    """List the recipes that come with Penstock."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(_HOME)]) if module.name[0] != "_"
    )


def find(name: str) -> Recipe:
    """Find a recipe by name, file (`./mine.py:recipe`) or import path (`mine.recipes:small`).

    Raises:
        ConfigError: there is no such recipe, with the close matches.
    """
    if name in list_recipes():
        recipe: Recipe = getattr(importlib.import_module(f"{__package__}.{name}"), name)
        return recipe
    module, colon, function = name.rpartition(":")
    if not colon:
        raise ConfigError(
            f"no recipe {name!r}",
            remedy=suggest_names(name, list_recipes()) + "; your own: ./mine.py:recipe",
        )
    if module.endswith(".py"):
        module = _make_importable(Path(module))
    own_recipe: Recipe = load_object(f"{module}:{function}")
    return own_recipe


def build(name: str) -> PipelineConfig:
    """Call the recipe for its pipeline.

    Raises:
        ConfigError: there is no such recipe, it fails, or it returns something else.
    """
    recipe = find(name)
    check_call(recipe, name, "a function without arguments that returns a PipelineConfig", 0)
    try:
        pipeline = recipe()
    except PenstockError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the recipe {name!r} fails", got=summarize_error(error), remedy="fix it"
        ) from error
    if not isinstance(pipeline, PipelineConfig):
        raise ConfigError(
            f"the recipe {name!r} does not return a pipeline",
            expected="a PipelineConfig, as image_classifier(…) gives",
            got=type(pipeline).__name__,
        )
    return pipeline


def configure(
    name: str, config_file: Path | None, settings: Sequence[str]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """Build a recipe's pipeline, and apply a config file and settings to it.

    Args:
        name: as `find` takes it.
        config_file: TOML.
        settings: each KEY=VALUE.

    Returns:
        The pipeline, and the config file's table of Beam's flags.

    Raises:
        ConfigError: as `build`; an unknown key; a value of the wrong type.
    """
    pipeline, table = build(name), {}
    if config_file:
        values = overrides.read_toml(config_file)
        table = values.pop(beam_flags.TABLE, {})
        pipeline = overrides.apply_overrides(pipeline, values)
    return overrides.apply_settings(pipeline, settings), table


def _make_importable(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"no recipe file {path}", expected="./mine.py:recipe", got=f"{path}:…")
    return make_importable(path)
