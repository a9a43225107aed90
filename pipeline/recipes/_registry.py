"""Find a recipe by name, file or import path, and configure it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data.code.import_path import load_object, look_beside
from data.code.own_object import check_call
from data.errors import ConfigError, PenstockError, did_you_mean, in_one_line
from pipeline.config import beam_flags, overrides
from pipeline.config.graph import PipelineConfig

_HOME = Path(__file__).parent

Recipe = Callable[[], PipelineConfig]


def list_recipes() -> list[str]:
    """The recipes that come with Penstock."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(_HOME)]) if module.name[0] != "_"
    )


def find(name: str) -> Recipe:
    """A recipe by name, by file (`./mine.py:recipe`), or by import path (`mine.recipes:small`).

    Raises:
        ConfigError: there is none, with the close matches.
    """
    if name in list_recipes():
        recipe: Recipe = getattr(importlib.import_module(f"{__package__}.{name}"), name)
        return recipe
    place, colon, function = name.rpartition(":")
    if not colon:
        raise ConfigError(
            f"no recipe {name!r}",
            remedy=did_you_mean(name, list_recipes()) + "; one's own: ./mine.py:recipe",
        )
    if place.endswith(".py"):
        place = _module(Path(place))
    found: Recipe = load_object(f"{place}:{function}")
    return found


def build(name: str) -> PipelineConfig:
    """The recipe's config.

    Raises:
        ConfigError: there is no such recipe, it fails, or it returns something else.
    """
    recipe = find(name)
    check_call(recipe, name, "a function without arguments that returns a PipelineConfig", 0)
    try:
        built = recipe()
    except PenstockError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the recipe {name!r} fails", got=in_one_line(error), remedy="mend it"
        ) from error
    if not isinstance(built, PipelineConfig):
        raise ConfigError(
            f"the recipe {name!r} returns no pipeline",
            expected="a PipelineConfig, as image_classifier(…) gives",
            got=type(built).__name__,
        )
    return built


def configure(
    name: str, config_file: Path | None, settings: Sequence[str]
) -> tuple[PipelineConfig, dict[str, Any]]:
    """The recipe with a config file's values and settings over its own.

    Args:
        name: as `find` takes it.
        config_file: TOML.
        settings: each KEY=VALUE.

    Returns:
        The pipeline, and the config file's table of Beam's flags.

    Raises:
        ConfigError: as `build`, or an unknown key or a value of the wrong type.
    """
    pipeline, table = build(name), {}
    if config_file:
        values = overrides.read_toml(config_file)
        table = values.pop(beam_flags.TABLE, {})
        pipeline = overrides.apply_overrides(pipeline, values)
    return overrides.apply_settings(pipeline, settings), table


def _module(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"no recipe file {path}", expected="./mine.py:recipe", got=f"{path}:…")
    return look_beside(path)
