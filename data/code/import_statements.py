"""Find the imports in a source text without running it."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
from collections.abc import Iterator

COMPUTED = "*"  # stands for imports whose names are known only at run time

# keyed by the text's digest, so that it never goes stale
_cache: dict[tuple[str, str, bool], frozenset[str]] = {}


def find_imports(
    digest: str, source: bytes, file: str, package: str, *, calls: bool
) -> frozenset[str]:
    """Return the dotted names that the imports of a text may mean, also those in functions.

    Args:
        digest: of the text.
        source: the text.
        file: for messages.
        package: the start of relative imports.
        calls: whether to look also for `import_module(…)` and `__import__(…)`: ten times slower.

    Raises:
        SyntaxError: the text is not valid Python.
    """
    key = digest, package, calls
    if key not in _cache:
        tree = ast.parse(source, file)
        nodes = ast.walk(tree) if calls else _walk_statements(tree)
        _cache[key] = frozenset(_list_names(nodes, package))
    return _cache[key]


def _list_names(nodes: Iterator[ast.AST], package: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # beyond the top-level package Python will raise
            with contextlib.suppress(ImportError):
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                # a name after `import` may be a module, or a name in the module
                yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            with contextlib.suppress(ImportError):
                yield importlib.util.resolve_name(_read_literal(node) or COMPUTED, package)


def _is_import_call(function: ast.expr) -> bool:
    """Return whether a called expression is `import_module` or `__import__`, by any path."""
    name = getattr(function, "attr", getattr(function, "id", None))
    return name in ("import_module", "__import__")


def _read_literal(call: ast.Call) -> str | None:
    match call.args:
        case [ast.Constant(value=str(name)), *_] if name.strip("."):
            return name
    return None


def _walk_statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements, also in functions: a tenth of all nodes, imports among them."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, ())
