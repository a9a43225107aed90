"""Read how long to wait for other processes from the environment: `PENSTOCK_WAIT_<NAME>`."""

from __future__ import annotations

import math
import os

from data.base.waits import SECONDS, set_waits
from data.errors import ConfigError, suggest_names

_PREFIX = "PENSTOCK_WAIT_"


def read_waits() -> None:
    """Set the waits that the environment names.

    Raises:
        ConfigError: there is no such wait, or its value is not a number of seconds.
    """
    given = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    set_waits({name.removeprefix(_PREFIX): _seconds(name, given[name]) for name in given})


def _seconds(name: str, value: str) -> float:
    if name.removeprefix(_PREFIX) not in SECONDS:
        waits = [_PREFIX + wait for wait in SECONDS]
        raise ConfigError(f"unknown wait {name}", remedy=suggest_names(name, waits))
    try:
        if 0 < (seconds := float(value)) < math.inf:
            return seconds
    except ValueError:
        pass
    raise ConfigError(f"invalid {name}", expected="seconds, above 0", got=repr(value))
