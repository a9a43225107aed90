"""Find the installed distributions that a step loads by names known at run time alone.

A plan sees the libraries that the code imports by name. A plugin, which an entry point names, is
seen when it is loaded; from then on the version of its distribution counts.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Collection, Iterable
from importlib.metadata import Distribution, PackageNotFoundError
from types import ModuleType

from data.code.distributions import Distributions
from data.code.loaded_modules import get_module_file, is_installed


def find_loaded_plugins(
    by_users: Iterable[str], by_anyone: Iterable[str], libraries: Collection[str]
) -> dict[str, str]:
    """Find the distributions of loaded modules, and their versions.

    Args:
        by_users: modules that the user's own code has requested from `importlib`.
        by_anyone: modules that any code has; of these only the targets of entry points count.
        libraries: top-level modules whose versions the plan covers.

    Returns:
        Distribution → version.
    """
    required = Distributions().is_required
    users_tops, tops = (
        {top for top in _find_installed(names) if top not in libraries and not required(top)}
        for names in (by_users, by_anyone)
    )
    if not users_tops and not tops:
        return {}
    plugins = _map_entry_points()
    distributions = [plugins[top] for top in users_tops | tops if top in plugins]
    if unnamed := users_tops - plugins.keys():
        owners = importlib.metadata.packages_distributions()
        names = {name for top in unnamed for name in owners.get(top, ())}
        distributions += map(importlib.metadata.distribution, names)
    return {distribution.name: distribution.version for distribution in distributions}


def read_installed_version(distribution: str) -> str | None:
    """Read the version of a distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except PackageNotFoundError:
        return None


def _find_installed(names: Iterable[str]) -> set[str]:
    """Find the top-level names of the modules that were loaded from an installed package."""
    tops = set()
    for name in names:
        module = sys.modules.get(name)
        file = get_module_file(module) if isinstance(module, ModuleType) else None
        if file and is_installed(file):
            tops.add(name.partition(".")[0])
    return tops


def _map_entry_points() -> dict[str, Distribution]:
    """Map each top-level module to the distribution whose entry points lead to it."""
    return {
        point.module.partition(".")[0]: distribution
        for distribution in importlib.metadata.distributions()
        for point in distribution.entry_points
    }
