"""The user's own source files that the workers of a submitted run are to have."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.code.first_party import Closure, Code, short_name
from data.code.import_path import OUR_PACKAGES

_METADATA = ("METADATA", "entry_points.txt")  # by which a worker finds a plugin


def user_modules(modules: Iterable[str]) -> dict[str, str]:
    """The source files of the user's own code: modules, and what they import, transitively.

    Of a package all modules. Where a module imports by names that are known at run time alone, also
    those beside it; and the plugins that are no installed packages, with their entry points.

    Args:
        modules: dotted names; ours and libraries' among them are passed over.

    Returns:
        File name relative to the folder on `sys.path` that holds it, with "/" -> source text.
    """
    code, found = Code(), dict[str, str]()
    names = [name for name in modules if name.partition(".")[0] not in OUR_PACKAGES]
    if not names:
        return found
    for distribution, plugins in _plugins(code):
        names += plugins
        for about in _METADATA:
            text = distribution.read_text(about)
            found[f"{distribution.name}-{distribution.version}.dist-info/{about}"] = text or ""
    closure = code.find_closure(names)
    for name, path in (*closure.files.items(), *_computed(closure)):
        if name.partition(".")[0] not in OUR_PACKAGES and path.suffix == ".py":
            found[short_name(name, path)] = path.read_text(encoding="utf-8")
    for top in {name.partition(".")[0] for name in closure.files} - {*OUR_PACKAGES}:
        for folder in code.find_folders(top):
            for file in folder.rglob("*.py"):
                with contextlib.suppress(UnicodeDecodeError):  # nothing has imported it
                    short = file.relative_to(folder.parent).as_posix()
                    found.setdefault(short, file.read_text(encoding="utf-8"))
    return found


def _computed(closure: Closure) -> Iterator[tuple[str, Path]]:
    """What may be meant by an import of a computed name: all modules of the top level beside it."""
    for name in closure.computed:
        depth = name.count(".") + (closure.files[name].name == "__init__.py")
        for file in closure.files[name].parents[depth].glob("*.py"):
            if file.stem not in closure.files:
                yield file.stem, file


def _plugins(code: Code) -> Iterator[tuple[importlib.metadata.Distribution, list[str]]]:
    """Distributions whose entry points lead to code of the user's, such as editable installs."""
    for distribution in importlib.metadata.distributions():
        names = [point.module for point in distribution.entry_points]
        users = [name for name in names if code.is_user_code(name)]
        if users:
            yield distribution, users
