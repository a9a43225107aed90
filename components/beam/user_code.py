"""A user's own modules travel with a pipeline's DoFns: workers do not have the files."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from apache_beam.internal.cloudpickle import cloudpickle

from data.same_code import PACKAGES

_LIBRARIES = ("site-packages", "dist-packages")


@contextlib.contextmanager
def travelling(stay: bool = False) -> Iterator[None]:
    """Pickle what a user's modules define by value in the block, unless they are to `stay`."""
    modules = [] if stay else users_modules()
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def users_modules() -> list[ModuleType]:
    """Loaded modules that are neither ours, nor installed, nor Python's own."""
    return [module for module in list(sys.modules.values()) if _is_users(module)]


def _is_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    name = getattr(module, "__name__", "__main__")
    if not file or name == "__main__" or sys.modules.get(name) is not module:
        return False
    if name.partition(".")[0] in PACKAGES:
        return False
    path = Path(file)
    inside = path.is_relative_to(sysconfig.get_paths()["stdlib"])
    return not inside and not any(part in _LIBRARIES for part in path.parts)
