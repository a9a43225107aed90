"""Collect the user's source files for the workers of a submitted run."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.code.first_party import Closure, Code, short_name
from data.code.import_path import OUR_PACKAGES

_METADATA = ("METADATA", "entry_points.txt")  # with these a worker finds a plugin


def collect_user_modules(modules: Iterable[str]) -> dict[str, str]:
    """Collect the source files of the user's modules and of all modules that they import.

    Of a package all modules are collected. If a module imports names that are computed at run time,
    the modules beside it are collected, too. So are plugins that are not installed, such as
    editable installs, with their entry points.

    Args:
        modules: dotted names; those of Penstock and of libraries are ignored.

    Returns:
        File name relative to its folder on `sys.path`, with "/" -> source text.
    """
    code, sources = Code(), dict[str, str]()
    names = [name for name in modules if name.partition(".")[0] not in OUR_PACKAGES]
    if not names:
        return sources
    for distribution, plugins in _find_plugins(code):
        names += plugins
        for file_name in _METADATA:
            text = distribution.read_text(file_name)
            sources[f"{distribution.name}-{distribution.version}.dist-info/{file_name}"] = (
                text or ""
            )
    closure = code.find_closure(names)
    for name, path in (*closure.files.items(), *_find_computed_imports(closure)):
        if name.partition(".")[0] not in OUR_PACKAGES and path.suffix == ".py":
            sources[short_name(name, path)] = path.read_text(encoding="utf-8")
    for top in {name.partition(".")[0] for name in closure.files} - {*OUR_PACKAGES}:
        for folder in code.find_folders(top):
            for file in folder.rglob("*.py"):
                with contextlib.suppress(UnicodeDecodeError):  # a file that nothing imports
                    short = file.relative_to(folder.parent).as_posix()
                    sources.setdefault(short, file.read_text(encoding="utf-8"))
    return sources


def _find_computed_imports(closure: Closure) -> Iterator[tuple[str, Path]]:
    """Find the modules that a computed import may mean: all on the top level beside it."""
    for name in closure.computed:
        depth = name.count(".") + (closure.files[name].name == "__init__.py")
        for file in closure.files[name].parents[depth].glob("*.py"):
            if file.stem not in closure.files:
                yield file.stem, file


def _find_plugins(code: Code) -> Iterator[tuple[importlib.metadata.Distribution, list[str]]]:
    """Find distributions whose entry points lead to the user's code, such as editable installs."""
    for distribution in importlib.metadata.distributions():
        names = [point.module for point in distribution.entry_points]
        users = [name for name in names if code.is_user_code(name)]
        if users:
            yield distribution, users
