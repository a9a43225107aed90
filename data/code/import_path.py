"""Load an object by import path, `package.module:name`: how users bring their own code."""

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
_HOME = Path(__file__).resolve().parents[2]  # holds them
_WORKING_FOLDER = ""  # on `sys.path`: wherever the process works at the time of an import


def search_working_folder() -> None:
    """Let import paths lead to files of the working folder: the last place that Python looks in.

    So nothing there shadows what is installed, Penstock's own packages included.
    """
    if _WORKING_FOLDER not in sys.path:
        sys.path.append(_WORKING_FOLDER)


def make_importable(file: Path) -> str:
    """The module that a file of the user's is, importable from now on, as are those beside it.

    Its folder comes after all that is installed and before the working folder.

    Raises:
        ConfigError: Python finds another module by the file's name.
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
            f"{file} cannot be imported by its name",
            expected="the name of no other module, without a dot",
            got=origin or file.stem,
            remedy="give the file another name",
        )
    return file.stem


def load_object(import_path: str) -> Any:
    """The object that `package.module:name` names.

    Raises:
        ConfigError: the text has another form, the module cannot be imported, or has no such name.
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
    """The module of this name.

    Raises:
        ConfigError: there is none, or it fails when it is imported, unless it is one of ours.
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
            f"{name!r}, needed for {needed_for}, fails when it is imported",
            got=summarize_error(error),
            remedy="mend it",
        ) from error


def split_import_path(import_path: str) -> tuple[str, str]:
    """Module and name. Raises ConfigError where the text has another form."""
    module_name, _, name = import_path.partition(":")
    if not module_name or not name:
        raise ConfigError(
            f"{import_path!r} is not an import path",
            expected="package.module:name",
            got=import_path,
            remedy="write the module, a colon, and the name in it",
        )
    return module_name, name


def missing_module_error(name: str, needed_for: str, said: str) -> ConfigError:
    """The error for a module that is not there, or that needs one that is not."""
    return ConfigError(
        f"cannot import {name!r}, needed for {needed_for}",
        got=said,
        remedy="run from the folder that holds the module, or set PYTHONPATH",
    )


def missing_name_error(import_path: str, names: Iterable[str], file: object) -> ConfigError:
    """The error for a name that its module does not have, with the close matches."""
    module_name, name = split_import_path(import_path)
    public = [n for n in names if not n.startswith("_")]
    return ConfigError(
        f"module {module_name!r} has no {name!r}", got=file, remedy=suggest_names(name, public)
    )


def shadowed_module_error(name: str | None) -> ConfigError | None:
    """The error where a name that cannot be imported is of a folder called as a package of ours.

    Ours comes first, so that the user's folder is never looked into.
    """
    top, _, rest = (name or "").partition(".")
    if top not in OUR_PACKAGES:
        return None
    for entry in sys.path:
        folder = Path(entry or ".").resolve() / top
        file = folder.joinpath(*rest.split("."))
        theirs = [file.with_suffix(".py"), file / "__init__.py"] if rest else folder.glob("*.py")
        for one in theirs if folder != _HOME / top else ():
            if one.exists():
                return ConfigError(
                    f"{one} cannot be imported: {_HOME / top} shadows it",
                    expected=f"another name for the folder: {top!r} is a package of Penstock's",
                    got=f"no module {name!r} there",
                    remedy="rename the folder, and what imports it",
                )
    return None


def resolve_import_path(name: str, known: dict[str, str], what: str) -> str:
    """The import path behind a short name of `known`; an import path stays as it is.

    Raises:
        ConfigError: a short name that is not known, with the close matches.
    """
    if ":" in name:
        return name
    if name not in known:
        raise ConfigError(
            f"no {what} {name!r}", remedy=suggest_names(name, known) + " (or package.module:name)"
        )
    return known[name]
