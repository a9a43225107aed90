"""Read Beam's flags from the table [beam] of a config file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.errors import ConfigError

TABLE = "beam"


def read_beam_table(table: Any) -> tuple[str, ...]:
    """Turn the table into flags: `parallelism = 2` is --parallelism=2, true the bare flag.

    A list gives the flag once for each item.

    Raises:
        ConfigError: it is not a table, or a value cannot be a flag's.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[beam] must be a table", expected='runner = "FlinkRunner", …', got=table)
    return tuple(flag for name, value in table.items() for flag in _flags(name, value))


def _flags(name: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [flag for item in value for flag in _flags(name, item)]
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if not isinstance(value, str | int | float):
        raise ConfigError(
            f"beam.{name} cannot be a Beam flag",
            expected="text, a number, true, false, or a list of these",
            got=repr(value),
        )
    return [f"--{name}={value}"]
