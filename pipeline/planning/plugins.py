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
from data.code.loaded_modules import file_of, is_installed


def loaded_plugins(
    asked_by_users: Iterable[str], asked: Iterable[str], libraries: Collection[str]
) -> dict[str, str]:
    """Find the distributions of loaded modules, and their versions.

    Args:
        asked_by_users: modules that the user's own code has asked `importlib` for.
        asked: modules that any code has asked it for; of these the targets of entry points count.
        libraries: top-level modules that the plan has looked at.
    """
    required = Distributions().is_required
    by_users, by_any = (
        {top for top in _installed(names) if top not in libraries and not required(top)}
        for names in (asked_by_users, asked)
    )
    if not by_users and not by_any:
        return {}
    plugins = _entry_points()
    found = [plugins[top] for top in by_users | by_any if top in plugins]
    if unnamed := by_users - plugins.keys():
        owners = importlib.metadata.packages_distributions()
        names = {name for top in unnamed for name in owners.get(top, ())}
        found += map(importlib.metadata.distribution, names)
    return {distribution.name: distribution.version for distribution in found}


def installed_version(distribution: str) -> str | None:
    """Look up the version of a distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except PackageNotFoundError:
        return None


def _installed(names: Iterable[str]) -> set[str]:
    """The top-level names of the modules that are loaded from where packages are installed."""
    tops = set()
    for name in names:
        module = sys.modules.get(name)
        file = file_of(module) if isinstance(module, ModuleType) else None
        if file and is_installed(file):
            tops.add(name.partition(".")[0])
    return tops


def _entry_points() -> dict[str, Distribution]:
    """Top-level module → the distribution whose entry points lead to it."""
    return {
        point.module.partition(".")[0]: distribution
        for distribution in importlib.metadata.distributions()
        for point in distribution.entry_points
    }
