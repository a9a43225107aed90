"""Which modules are the user's and ours, and what they import, found without importing them."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

OUR_PACKAGES = ("data", "serving_export", "components", "pipeline")


def code(modules: Sequence[str]) -> tuple[list[Path], list[str]]:
    """First-party files that the modules import, transitively, and the libraries they use."""
    todo, files, libraries = list(modules), set[Path](), set[str]()
    while todo:
        name = todo.pop()
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        root = first_party_root(top)
        if root is None:
            libraries.add(top)
        elif (path := _source(root, name)) and path not in files:
            files.add(path)
            todo += _imports(path, name)
    if "tensorflow" in libraries:
        libraries.add("keras")  # comes with it, with a version of its own
    return sorted(files), sorted(libraries)


@functools.cache
def first_party_root(top: str) -> Path | None:
    """The folder that holds the top-level module, if it is neither installed nor unknown.

    Our own packages are first-party wherever they lie, an installed wheel included.
    """
    ours = Path(__file__).resolve().parents[2]
    if top in OUR_PACKAGES:
        return ours
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return None
    return path.parent.parent if path.name == "__init__.py" else path.parent


def _source(root: Path, name: str) -> Path | None:
    """The module's file, looked up without importing its parents; None for a name in a module."""
    path = root.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _imports(path: Path, name: str) -> tuple[str, ...]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: list[str] = []
    for node in _statements(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # what follows `import` may be a module too, or a name in one
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(found))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also in functions; a tenth of all nodes, and imports are nothing else."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, ())
