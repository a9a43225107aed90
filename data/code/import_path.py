"""Load user code by import path, `package.module:name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from data.errors import ConfigError, PenstockError, suggest_names, summarize_error

OUR_PACKAGES = ("data", "serving_export", "components", "pipeline")
_HOME = Path(__file__).resolve().parents[2]  # the folder that holds them
_WORKING_FOLDER = ""  # entry of `sys.path`: the current folder at the time of an import


def search_working_folder() -> None:
    """Add the working folder to the end of `sys.path`, so that import paths find files in it.

    As the last entry, it hides no installed package.
    """
    if _WORKING_FOLDER not in sys.path:
        sys.path.append(_WORKING_FOLDER)


def make_importable(file: Path) -> str:
    """Add a file's folder to `sys.path`, and return the file's module name.

    The folder comes after all installed packages and before the working folder.

    Raises:
        ConfigError: the name leads to another module.
    """
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        last = sys.path[-1:] == [_WORKING_FOLDER]
        sys.path.insert(len(sys.path) - last, folder)
    try:
        spec = importlib.util.find_spec(file.stem)
    except (ImportError, ValueError):  # a dot in the name, or `__main__`
        spec = None
    origin = spec.origin if spec else None
    if origin is None or Path(origin).resolve() != file.resolve():
        raise ConfigError(
            f"{file} cannot be imported: its name leads to another module",
            expected="a file name without a dot that no other module has",
            got=origin or file.stem,
            remedy="give the file another name",
        )
    return file.stem


def load_object(import_path: str) -> Any:
    """Load the object that `package.module:name` names.

    Raises:
        ConfigError: invalid import path, or the module cannot be imported, or has no such name.
    """
    module_name, name = split_import_path(import_path)
    module = load_module(module_name, repr(import_path))
    try:
        return getattr(module, name)
    except AttributeError:
        raise missing_name_error(
            import_path, vars(module), getattr(module, "__file__", None)
        ) from None


def load_module(name: str, needed_for: str) -> ModuleType:
    """Import a module by name.

    Raises:
        ConfigError: no such module, or a user module that raises when it is imported.
    """
    try:
        return importlib.import_module(name)
    except PenstockError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ImportError) and (shadowed := shadowed_module_error(error.name)):
            raise shadowed from error
        if isinstance(error, ModuleNotFoundError):
            raise missing_module_error(name, needed_for, str(error)) from error
        if name.partition(".")[0] in OUR_PACKAGES:
            raise
        raise ConfigError(
            f"the import of {name!r}, needed for {needed_for}, failed",
            got=summarize_error(error),
            remedy="fix the error in the module",
        ) from error


def split_import_path(import_path: str) -> tuple[str, str]:
    """Split an import path into module and name. Raises ConfigError for another form."""
    module_name, _, name = import_path.partition(":")
    if not module_name or not name:
        raise ConfigError(
            f"invalid import path {import_path!r}",
            expected="package.module:name",
            got=import_path,
            remedy="write the module, a colon, and the name in the module",
        )
    return module_name, name


def missing_module_error(name: str, needed_for: str, reason: str) -> ConfigError:
    """Return the error for a module that is missing, or that imports a missing one."""
    return ConfigError(
        f"cannot import {name!r}, needed for {needed_for}",
        got=reason,
        remedy="run from the folder that holds the module, or set PYTHONPATH",
    )


def missing_name_error(import_path: str, names: Iterable[str], file: object) -> ConfigError:
    """Return the error for a name that a module does not have, with the close matches."""
    module_name, name = split_import_path(import_path)
    public = [n for n in names if not n.startswith("_")]
    return ConfigError(
        f"module {module_name!r} has no {name!r}", got=file, remedy=suggest_names(name, public)
    )


def shadowed_module_error(name: str | None) -> ConfigError | None:
    """Return the error for a user module that a package of Penstock of the same name hides.

    Penstock's package comes first on `sys.path`; None where no such module of the user's exists.
    """
    top, _, rest = (name or "").partition(".")
    if top not in OUR_PACKAGES:
        return None
    for entry in sys.path:
        folder = Path(entry or ".").resolve() / top
        file = folder.joinpath(*rest.split("."))
        candidates = (
            [file.with_suffix(".py"), file / "__init__.py"] if rest else folder.glob("*.py")
        )
        for candidate in candidates if folder != _HOME / top else ():
            if candidate.exists():
                return ConfigError(
                    f"{candidate} cannot be imported: {_HOME / top} hides it",
                    expected=f"another name for the folder: {top!r} is a package of Penstock's",
                    got=f"no module {name!r} in Penstock's package",
                    remedy="rename the folder and its imports",
                )
    return None


def resolve_import_path(name: str, paths: dict[str, str], what: str) -> str:
    """Return the import path of a short name; an import path is returned as it is.

    Args:
        name: a short name or an import path.
        paths: short name → import path.
        what: how messages call the object: "source", "model".

    Raises:
        ConfigError: an unknown short name; the error lists the close matches.
    """
    if ":" in name:
        return name
    if name not in paths:
        own = "an import path of your own, package.module:name"
        raise ConfigError(
            f"unknown {what} {name!r}",
            remedy=f"{suggest_names(name, paths)} (or {own})" if paths else f"write {own}",
        )
    return paths[name]
