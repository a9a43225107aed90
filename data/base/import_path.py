"""Load an object by import path, `package.module:name`: how users bring their own code."""

from __future__ import annotations

import importlib
from typing import Any

from data.errors import ConfigError, did_you_mean


def load_object(import_path: str) -> Any:
    """The object that `package.module:name` names.

    Raises:
        ConfigError: the text has another form, the module cannot be imported, or has no such name.
    """
    module_name, _, name = import_path.partition(":")
    if not module_name or not name:
        raise ConfigError(
            f"{import_path!r} is not an import path",
            expected="package.module:name",
            got=import_path,
            remedy="write the module, a colon, and the name in it",
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"cannot import {module_name!r}, needed for {import_path!r}",
            got=str(error),
            remedy="run from the folder that holds the module, or set PYTHONPATH",
        ) from error
    try:
        return getattr(module, name)
    except AttributeError:
        public = [n for n in vars(module) if not n.startswith("_")]
        raise ConfigError(
            f"module {module_name!r} has no {name!r}", remedy=did_you_mean(name, public)
        ) from None


def resolve(name: str, known: dict[str, str], what: str) -> str:
    """The import path behind a short name of `known`; an import path stays as it is.

    Raises:
        ConfigError: a short name that is not known, with the close matches.
    """
    if ":" in name:
        return name
    if name not in known:
        raise ConfigError(
            f"no {what} {name!r}", remedy=did_you_mean(name, known) + " (or package.module:name)"
        )
    return known[name]
