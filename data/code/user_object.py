"""Check that an import path leads to an object that can be called as needed."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.code.import_path import missing_module_error, missing_name_error, split_import_path
from data.code.user_code import find_owner
from data.errors import ConfigError

# names whose use may define further names at run time
_DYNAMIC = {"globals", "vars", "setattr", "exec", "__getattr__"}


def check_object(import_path: str) -> None:
    """Check that a module has a name, by its source, without importing it.

    An installed module, or one that defines names dynamically, is not checked.

    Raises:
        ConfigError: no such module, a module with a syntax error, or no such name in it.
    """
    module_name, name = split_import_path(import_path)
    loaded = sys.modules.get(module_name)
    if loaded is not None:
        if not hasattr(loaded, name):
            raise missing_name_error(import_path, vars(loaded), getattr(loaded, "__file__", None))
        return
    file = _find_source(module_name, import_path)
    if file is None:
        return
    names = set(_list_bound_names(_parse(file, import_path)))
    if name not in names and not names & _DYNAMIC:
        raise missing_name_error(import_path, names, file)


def check_call(function: Any, import_path: str, expected: str, arguments: int) -> None:
    """Check that an object can be called with so many arguments; it is not called.

    Args:
        function: the object.
        import_path: of the object, for messages.
        expected: how it will be called, for messages: "build_model(spec, options)".
        arguments: number of positional arguments.

    Raises:
        ConfigError: it cannot be called with them.
    """
    why = None if callable(function) else f"a {type(function).__name__}, which cannot be called"
    try:
        if why is None:
            inspect.signature(function).bind(*range(arguments))
    except TypeError as error:
        why = str(error)
    except ValueError:  # one without a signature, as in C
        return
    if why is None:
        return
    raise ConfigError(
        f"{import_path} cannot be called with the arguments that Penstock passes",
        expected=expected,
        got=f"{why} {locate_definition(function)}".strip(),
        remedy="change its parameters, or name another object",
    )


def locate_definition(function: Any) -> str:
    """Return where a function or class is defined, as "(file:line)"; "" where it is unknown."""
    with contextlib.suppress(OSError, TypeError):
        return f"({inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]})"
    return ""


def _find_source(module_name: str, import_path: str) -> Path | None:
    """Find the source file of a user module; None for other modules, or where it is unclear."""
    top, *inner = module_name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        raise missing_module_error(module_name, repr(import_path), f"No module named {top!r}")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    file = Path(spec.origin) if spec.origin and spec.has_location else None
    for part in inner:
        before = folders
        file, folders = _find_in_folders(part, before)
        if file is None and not folders:
            compiled = any(True for folder in before for _ in folder.glob(f"{part}.*"))
            if (
                compiled
                or find_owner(str(spec.origin or before[0] if before else "<")) == "library"
            ):
                return None
            raise missing_module_error(
                module_name, repr(import_path), f"No module named {module_name!r}"
            )
    is_source = file is not None and file.suffix == ".py"
    return file if file and is_source and find_owner(str(file)) != "library" else None


def _find_in_folders(part: str, folders: list[Path]) -> tuple[Path | None, list[Path]]:
    """Find the file and the folders of a module in a package's folders."""
    for folder in folders:
        package, module = folder / part / "__init__.py", folder / f"{part}.py"
        if package.is_file():
            return package, [folder / part]
        if module.is_file():
            return module, []
    return None, [folder / part for folder in folders if (folder / part).is_dir()]


def _parse(file: Path, import_path: str) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(
            f"{file}, needed for {import_path!r}, is not valid Python",
            got=error,
            remedy="fix the syntax error",
        ) from error


def _list_bound_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module's statements bind, and names that may define more."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            yield from (n for g in ast.walk(node) if isinstance(g, ast.Global) for n in g.names)
            continue
        if isinstance(node, ast.alias):
            yield "__getattr__" if node.name == "*" else node.asname or node.name.split(".")[0]
        elif isinstance(node, ast.Name) and (
            isinstance(node.ctx, ast.Store) or node.id in _DYNAMIC
        ):
            yield node.id
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
            yield node.name
        yield from _list_bound_names(node)
