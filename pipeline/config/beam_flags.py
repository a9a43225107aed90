"""Beam's flags as a user gives them: behind the recipe, or in the config file's table [beam]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.errors import ConfigError

TABLE = "beam"


def read_beam_table(table: Any) -> tuple[str, ...]:
    """The table's flags: `parallelism = 2` is --parallelism=2, true the bare flag, a list several.

    Raises:
        ConfigError: it is no table, or a value is none that a flag can have.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[beam] is no table", expected='runner = "FlinkRunner", …', got=table)
    return tuple(flag for name, value in table.items() for flag in _flags(name, value))


def _flags(name: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [flag for one in value for flag in _flags(name, one)]
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if not isinstance(value, str | int | float):
        raise ConfigError(
            f"beam.{name} cannot be a flag of Beam's",
            expected="text, a number, true, false, or a list of these",
            got=repr(value),
        )
    return [f"--{name}={value}"]
